/** All that was found as one JSON document, which `mcp-replay html` reads again. */

import { z } from 'zod';
import { type Outcome, VERDICTS } from '../outcome.ts';
import { LEVELS, REVISIONS } from '../scenario.ts';
import type { Reporter } from './reporter.ts';
import { checksOf, counted } from './results.ts';

export function json(): Reporter {
  return {
    end({ target, outcomes, started, versions, failOn, interrupted }) {
      const revisions = [...new Set(outcomes.map(({ revision }) => revision))].sort();
      const counts = { runs: outcomes.length, checks: checksOf(outcomes), ...counted(outcomes) };
      // The rules are not what was found: whoever reads it has them, maybe newer ones.
      return `${JSON.stringify({ target, started, versions, failOn, interrupted, revisions, counts, outcomes }, null, 1)}\n`;
    },
  };
}

const at = { t: z.number(), exchange: z.number() };
const lines = z.record(z.string(), z.string());
export const eventSchema = z.discriminatedUnion('what', [
  z.object({
    ...at,
    what: z.literal('request'),
    method: z.string(),
    headers: z.record(z.string(), z.union([z.string(), z.array(z.string())])),
    body: z.string().optional(),
    node: z.string().optional(),
  }),
  z.object({ ...at, what: z.literal('answer'), status: z.number(), headers: lines }),
  z.object({ ...at, what: z.literal('chunk'), text: z.string() }),
  z.object({
    ...at,
    what: z.literal('event'),
    id: z.string().optional(),
    event: z.string().optional(),
    data: z.string(),
  }),
  z.object({ ...at, what: z.literal('comment'), text: z.string() }),
  z.object({ ...at, what: z.literal('retry'), ms: z.number() }),
  z.object({ ...at, what: z.literal('end'), error: z.string().optional() }),
]);

const checkSchema = z.object({
  id: z.string(),
  level: z.enum(LEVELS),
  requirement: z.array(z.string()),
  verdict: z.enum(VERDICTS as [Outcome['verdict'], ...Outcome['verdict'][]]),
  why: z.array(z.string()),
});

export const outcomeSchema = z.object({
  scenario: z.string(),
  title: z.string(),
  revision: z.enum(REVISIONS),
  case: z.record(z.string(), z.unknown()),
  verdict: checkSchema.shape.verdict,
  checks: z.array(checkSchema),
  reason: z.string().optional(),
  ms: z.number(),
  transcript: z.array(eventSchema),
});

/** What `json` writes, as far as other reports need it. */
export const resultsSchema = z.object({
  target: z.string(),
  started: z.string().optional(),
  versions: z.record(z.string(), z.string()).optional(),
  failOn: z.enum(LEVELS).optional(),
  interrupted: z.boolean().optional(),
  outcomes: z.array(outcomeSchema),
});

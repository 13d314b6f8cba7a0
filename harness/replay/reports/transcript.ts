/**
 * JSONL of all that went over the wire: a line for the run, then for each run of a scenario a line with its verdicts and one
 * for each event, in the order in which they end. It is written as they end, so that it holds what is known when a run is cut.
 */

import { readFileSync } from 'node:fs';
import { z } from 'zod';
import { isRecord, show } from '../match.ts';
import type { Event, Outcome } from '../outcome.ts';
import { BadFile } from '../read.ts';
import { REVISIONS, type Revision } from '../scenario.ts';
import { eventSchema, outcomeSchema } from './json.ts';

/** What a run of the harness begins with. */
export interface Head {
  target: string;
  revisions: readonly Revision[];
  /** ISO 8601; the times of events are ms since their own scenario began. */
  started: string;
  versions: Readonly<Record<string, string>>;
}

export function headLine(head: Head): string {
  return line({ kind: 'run', ...head });
}

export function outcomeLines({ transcript, ...outcome }: Outcome): string {
  const { scenario, case: given, revision } = outcome;
  const events = transcript.map((event) => line({ kind: 'event', scenario, case: given, revision, ...event }));
  return [line({ kind: 'outcome', ...outcome }), ...events].join('');
}

function line(value: object): string {
  return `${JSON.stringify(value)}\n`;
}

const headSchema = z.object({
  target: z.string(),
  revisions: z.array(z.enum(REVISIONS)),
  started: z.string(),
  versions: z.record(z.string(), z.string()),
});
const verdictSchema = outcomeSchema.omit({ transcript: true });
const whoseSchema = outcomeSchema.pick({ scenario: true, case: true, revision: true });

/** @param file as `--transcript` wrote it; one that was cut in its last line is read up to there @throws BadFile */
export function readTranscript(file: string): { head: Head | undefined; outcomes: Outcome[] } {
  let text: string;
  try {
    text = readFileSync(file, 'utf8');
  } catch (error) {
    throw new BadFile(`${file}:1: ${error instanceof Error ? error.message : String(error)}`);
  }
  const lines = text.split('\n');
  // What stands after the last line end is not whole.
  lines.pop();
  let head: Head | undefined;
  const outcomes: Outcome[] = [];
  for (const [index, one] of lines.entries()) {
    const place = `${file}:${index + 1}`;
    const value = parsed(one, place);
    switch (value.kind) {
      case 'run':
        head = checked(headSchema, value, place);
        break;
      case 'outcome':
        outcomes.push({ ...checked(verdictSchema, value, place), transcript: [] } as Outcome);
        break;
      case 'event': {
        const { scenario, revision } = checked(whoseSchema, value, place);
        const owner = outcomes.at(-1);
        if (owner?.scenario !== scenario || owner.revision !== revision)
          throw new BadFile(`${place}: an event of ${scenario} must follow the outcome of ${scenario}`);
        owner.transcript.push(checked(eventSchema, value, place) as Event);
        break;
      }
      default:
        throw new BadFile(`${place}: kind must be "run", "outcome" or "event", got ${show(value.kind)}`);
    }
  }
  return { head, outcomes };
}

function parsed(text: string, place: string): Record<string, unknown> {
  try {
    const value: unknown = JSON.parse(text);
    if (isRecord(value)) return value;
  } catch {
    // Told below.
  }
  throw new BadFile(`${place}: a line of a transcript must be a JSON object`);
}

function checked<T extends z.ZodType>(schema: T, value: unknown, place: string): z.output<T> {
  const { data, error } = schema.safeParse(value);
  if (error) {
    const [issue] = error.issues;
    throw new BadFile(`${place}: ${issue?.path.join('.')}: ${issue?.message}`);
  }
  return data;
}

/**
 * A scenario as data: what is said to an MCP server over HTTP, and what must come back.
 *
 * Authored as YAML (`scenarios/*.yaml`) or built in TypeScript by `defineScenario`; both give the same plain object.
 * `${name}` in any text is a variable; a text that is one variable and nothing else keeps the variable's type.
 */

import { z } from 'zod';
import { ROLES } from './tokens.ts';

export const LEVELS = ['MUST', 'SHOULD', 'MAY'] as const;
export type Level = (typeof LEVELS)[number];

/** All revisions that can be tested, oldest first. */
export const REVISIONS = ['2025-03-26', '2025-06-18', '2025-11-25', '2026-07-28'] as const;
export type Revision = (typeof REVISIONS)[number];

const anything = z.unknown();
const texts = z.record(z.string(), z.union([z.string(), z.array(z.string())]));
/** Rows of requirements/, by id. */
const requirement = z
  .union([z.string(), z.array(z.string()).min(1)])
  .transform((one) => (typeof one === 'string' ? [one] : one))
  .describe('the rules it proves, by their ids in requirements/');
const range = z.string().regex(/^(?:(?:>=|<=|<|>)?\d{4}-\d{2}-\d{2})(?: (?:>=|<=|<|>)?\d{4}-\d{2}-\d{2})*$/, {
  error: 'a range of revisions is written like ">=2025-06-18 <2026-07-28"',
});
const window = z.strictObject({
  min: z.number().min(0).optional().describe('ms'),
  max: z.number().positive().optional().describe('ms; multiplied by --slack'),
});

const message = z
  .strictObject({
    method: z.string().optional().describe('a request'),
    notify: z.string().optional().describe('a notification'),
    respond: anything.optional().describe('the id of the request of the server that this answers'),
    id: anything.optional().describe('default: a number of its own'),
    params: anything.optional(),
    result: anything.optional(),
    error: anything.optional(),
  })
  .refine((rpc) => [rpc.method, rpc.notify, rpc.respond].filter((one) => one !== undefined).length === 1, {
    error: 'one of "method", "notify" and "respond" says what kind of message it is',
  });

const text = z.union([
  z.string(),
  z.strictObject({
    before: z.string().optional(),
    repeat: z.string(),
    times: z.int().positive(),
    close: z.string().optional().describe('as often, behind it'),
    after: z.string().optional(),
  }),
]);

const token = z
  .string()
  .optional()
  .describe(
    `the role of the bearer token (${Object.keys(ROLES).join(', ')}), or "none"; default: that of the session, "user"`,
  );

const request = z.strictObject({
  rpc: message.optional().describe('a message, completed with what the revision demands: jsonrpc, id, _meta, headers'),
  batch: z.array(message).optional(),
  raw: text.optional().describe('the body, as it is; or a text that is repeated'),
  base64: z.string().optional().describe('the bytes of the body'),
  headers: z
    .union([texts, z.string().regex(/^\$\{.+\}$/)])
    .optional()
    .describe('set, or set over what the revision demands; a list is sent as so many lines; may be a variable'),
  without: z
    .union([z.array(z.string()), z.string()])
    .optional()
    .describe('headers to leave out; may be a variable'),
  bare: z.boolean().optional().describe('without anything that the revision demands of params._meta'),
  session: z.string().optional().describe('a session made by "use: ready, as: ..."; default: the one without a name'),
  token,
  to: z
    .string()
    .optional()
    .describe('where to, seen from the endpoint, as "/readyz" or "?x=y"; then no token goes with it that is not named'),
  node: z.string().optional().describe('which node of the target; default: the first'),
  chunked: z.boolean().optional().describe('the body without a declared length'),
  trickle: z
    .strictObject({ pieces: z.int().positive(), every: z.number().min(0) })
    .optional()
    .describe('the body in so many pieces, one every so many ms'),
  half_close: z.boolean().optional().describe("the client's side of the connection is closed after the request"),
});
const verbs = {
  post: request.optional(),
  get: request.optional(),
  delete: request.optional(),
  options: request.optional(),
  put: request.optional(),
  patch: request.optional(),
  head: request.optional(),
};
const exchange = z.strictObject(verbs);

const answer = z.strictObject({
  status: anything.optional(),
  headers: z.record(z.string(), anything).optional(),
  body: anything.optional().describe('the body as text'),
  rpc: anything.optional().describe('the message that answers: the JSON body, or the response on the event stream'),
  messages: anything.optional().describe('all messages of the body, in order'),
  ms: anything.optional().describe('from the request to the end of the answer'),
});

const frame = z.strictObject({
  rpc: anything.optional(),
  event: anything.optional().describe('{id, event, data} as they stand'),
  comment: anything.optional(),
  retry: anything.optional(),
  end: z.literal(true).optional(),
  within: window.optional().describe('since the expectation began'),
  gap: window.optional().describe('since the frame before'),
  times: z.int().positive().optional(),
});

const invariant = z.strictObject({
  sequence: z
    .union([z.string(), z.array(z.string()).min(1)])
    .optional()
    .describe('what all streams of this name, or of these names, brought, in order of arrival'),
  stream: z.string().optional().describe('a stream, for "brought"'),
  brought: anything
    .optional()
    .describe('what "stream" has brought so far: {ended, events: [{id, event, data}], comments, retries, messages}'),
  unique: z.boolean().optional().describe('no message came twice'),
  messages: anything.optional().describe('all messages of the sequence, in order'),
  none: anything.optional().describe('no message matches'),
  last: anything.optional().describe('the last message matches'),
  event_ids_unique: z.boolean().optional().describe('over all streams of the scenario'),
  distinct: z
    .array(z.string())
    .optional()
    .describe('the values of these variables differ from each other; a list stands for its entries'),
  bits: z
    .strictObject({ of: z.string(), min: z.number().positive() })
    .optional()
    .describe('how hard the texts of a list are to guess: what differs between them holds at least so many bits'),
  spread: z
    .strictObject({ min: z.number().positive() })
    .optional()
    .describe('ms between the first and the last message of the sequence: nothing was held back to the end'),
  equal: z.array(anything).min(2).optional().describe('all these are the same'),
  that: anything.optional().describe('{variable: matcher}'),
});

const common = {
  name: z.string().optional().describe('names the check in reports'),
  requirement: requirement.optional(),
  level: z.enum(LEVELS).optional().describe('default: that of the scenario'),
  when: anything.optional().describe('{variable: matcher}: else the step is passed over'),
  probe: z
    .literal(true)
    .optional()
    .describe('only finds out what applies to this server: no check of its own; a closed connection is fine'),
};

/** What a step can be; each step is one of these. */
const KINDS = [
  'use',
  'http',
  'open',
  'resume',
  'read',
  'answer',
  'frames',
  'quiet',
  'cut',
  'pages',
  'parallel',
  'repeat',
  'each',
  'wait',
  'hook',
  'check',
] as const;

const flat = z.strictObject({
  ...common,
  use: z.enum(['ready']).optional().describe('ready: a session where the revision has them, else nothing'),
  as: z.string().optional().describe('of "use": the name of the session, for "session" of requests'),
  capabilities: anything.optional().describe('of "use": what the client declares; default: everything'),
  token: token.describe('of "use": the role of the token that begins the session'),
  http: exchange.optional().describe('one exchange, read to its end'),
  open: z
    .strictObject({
      as: z.string(),
      sequence: z.string().optional(),
      paused: z.boolean().optional().describe('nothing of the body is read until a step "read"'),
      ...verbs,
    })
    .optional()
    .describe('an exchange that stays open as a named stream'),
  resume: z
    .strictObject({
      as: z.string(),
      from: z.string().describe('the stream whose last event id is named'),
      sequence: z.string().optional(),
      last_event_id: z.string().optional(),
      session: z.string().optional(),
      token,
      node: z.string().optional(),
    })
    .optional(),
  read: z.string().optional().describe('reads a stream that was opened paused'),
  answer: z
    .strictObject({
      on: z
        .union([z.string(), z.array(z.string()).min(1)])
        .describe('where the request comes; of several streams the first that brings it'),
      rpc: anything.optional().describe('which request of the server; default: the next that has no answer yet'),
      result: anything.optional(),
      error: anything.optional(),
      within: window.optional(),
      session: z.string().optional(),
      token,
      node: z.string().optional(),
    })
    .optional()
    .describe('answers a request that the server sends on a stream'),
  expect: answer.optional(),
  on: z.string().optional().describe('the stream that "frames" are expected on'),
  mode: z
    .enum(['strict', 'eventually', 'interleaved'])
    .optional()
    .describe(
      'strict (default): nothing in between but what is ignored; eventually: in order; interleaved: in any order',
    ),
  ignore: z.array(z.enum(['comment', 'retry', 'priming', 'rpc'])).optional(),
  frames: z.array(frame).optional(),
  within: window.optional(),
  quiet: z
    .strictObject({
      on: z.string(),
      for: z.number().positive().describe('ms'),
      allow: z.array(z.enum(['comment', 'retry', 'priming', 'rpc', 'end'])).optional(),
      not: anything.optional().describe('only messages that match this must not come'),
    })
    .optional(),
  cut: z
    .strictObject({ stream: z.string(), after_messages: anything.optional().describe('cut once so many were read') })
    .optional(),
  pages: z
    .strictObject({
      method: z.string(),
      list: z.string().describe('the member of the result that holds the entries'),
      as: z.string().describe('the variable that gets all entries'),
      most: z.int().positive().optional().describe('pages; default 100'),
    })
    .optional()
    .describe('reads a list to its last page'),
  wait: anything.optional().describe('ms'),
  hook: z.string().optional().describe('something the operator bound to this name, such as restarting a node'),
  check: invariant.optional(),
});

/** Steps hold steps, so their type is written out. */
export interface Step extends z.output<typeof flat> {
  parallel?: Step[][] | undefined;
  repeat?: { times: number; steps: Step[] } | undefined;
  each?: { of: string; as: string; most?: number | undefined; steps: Step[] } | undefined;
}
interface StepInput extends z.input<typeof flat> {
  parallel?: StepInput[][] | undefined;
  repeat?: { times: number; steps: StepInput[] } | undefined;
  each?: { of: string; as: string; most?: number | undefined; steps: StepInput[] } | undefined;
}

const step: z.ZodType<Step, StepInput> = z.lazy(() =>
  flat
    .extend({
      parallel: z.array(z.array(step)).optional().describe('lists of steps that run side by side'),
      repeat: z
        .strictObject({ times: z.int().positive(), steps: z.array(step) })
        .optional()
        .describe('the variable "round" counts from 1'),
      each: z
        .strictObject({ of: z.string(), as: z.string(), most: z.int().positive().optional(), steps: z.array(step) })
        .optional()
        .describe('the steps for each entry of a list'),
    })
    .superRefine((value, context) => {
      const given = KINDS.filter((kind) => (value as Record<string, unknown>)[kind] !== undefined);
      if (given.length !== 1) {
        context.addIssue({
          code: 'custom',
          message: `a step is one of ${KINDS.join(', ')}; got ${given.length === 0 ? 'none' : given.join(' and ')}`,
        });
      }
      if (value.frames && value.on === undefined) context.addIssue({ code: 'custom', message: '"frames" need "on"' });
    }),
);

export const scenarioSchema = z.strictObject({
  $schema: z.string().optional(),
  id: z.string().regex(/^[a-z0-9]+(?:[.-][a-z0-9]+)+$/, { error: 'an id is like "session.unknown-id"' }),
  title: z.string(),
  revisions: range,
  level: z.enum(LEVELS),
  requirement: requirement.optional(),
  requires: z
    .strictObject({
      session: z.boolean().optional(),
      resumption: z.boolean().optional().describe('streams with event ids'),
      capabilities: z.array(z.string()).optional().describe('of the server, as "tools" or "resources.subscribe"'),
      fixtures: z.array(z.string()).optional().describe('names of the bind file'),
      hooks: z.array(z.string()).optional().describe('names of the bind file'),
      nodes: z.array(z.string()).optional().describe('besides the first'),
      tokens: z
        .array(z.string())
        .optional()
        .describe('roles, which may be parameters; each is the variable `tokens.<role>`'),
      terms: z.array(z.string()).optional().describe('what the operator grants; each is the variable `terms.<name>`'),
      target: z
        .array(z.enum(['host-header', 'sockets', 'repeated-headers']))
        .optional()
        .describe('what the client must be able to do'),
    })
    .optional(),
  params: z.record(z.string(), z.array(anything)).optional().describe('one run for each combination'),
  controls: z.string().optional().describe('the scenario that shows that the same without the fault is answered'),
  timeout: z.number().positive().optional().describe('ms, default 10,000'),
  isolated: z.boolean().optional().describe('runs alone, after all others'),
  steps: z.array(step).min(1),
});

export type Scenario = z.output<typeof scenarioSchema>;
export type Request = z.output<typeof request>;
export type Frame = z.output<typeof frame>;
export type Answer = z.output<typeof answer>;
export type Invariant = z.output<typeof invariant>;
export type Window = z.output<typeof window>;

/** A scenario in TypeScript; the same object that a YAML file gives. @throws ZodError when it is none */
export function defineScenario(scenario: z.input<typeof scenarioSchema>): Scenario {
  return scenarioSchema.parse(scenario);
}

/** Whether a revision lies in a range such as `>=2025-06-18 <2026-07-28`. */
export function inRange(revision: string, text: string): boolean {
  return text.split(' ').every((part) => {
    const [, sign = '', date = ''] = /^(>=|<=|<|>)?(.*)$/.exec(part) ?? [];
    if (sign === '>=') return revision >= date;
    if (sign === '<=') return revision <= date;
    if (sign === '<') return revision < date;
    if (sign === '>') return revision > date;
    return revision === date;
  });
}

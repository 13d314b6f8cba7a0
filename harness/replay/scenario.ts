/**
 * A scenario as data: what is said to an MCP server over HTTP, and what must come back.
 *
 * Authored as YAML (`scenarios/*.yaml`) or built in TypeScript by `defineScenario`; both give the same plain object.
 * `${name}` in any text is a variable; a text that is one variable and nothing else keeps the variable's type.
 */

import { z } from 'zod';

export const LEVELS = ['MUST', 'SHOULD', 'MAY'] as const;
export type Level = (typeof LEVELS)[number];

/** All revisions that can be tested, oldest first. */
export const REVISIONS = ['2025-03-26', '2025-06-18', '2025-11-25', '2026-07-28'] as const;
export type Revision = (typeof REVISIONS)[number];

const anything = z.unknown();
const texts = z.record(z.string(), z.string());
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

const request = z.strictObject({
  rpc: message.optional().describe('a message, completed with what the revision demands: jsonrpc, id, _meta, headers'),
  batch: z.array(message).optional(),
  raw: z.string().optional().describe('the body, as it is'),
  base64: z.string().optional().describe('the bytes of the body'),
  headers: z
    .union([texts, z.string().regex(/^\$\{.+\}$/)])
    .optional()
    .describe('set, or set over what the revision demands; may be a variable'),
  without: z.array(z.string()).optional().describe('headers to leave out'),
  bare: z.boolean().optional().describe('without anything that the revision demands of params._meta'),
});
const verbs = {
  post: request.optional(),
  get: request.optional(),
  delete: request.optional(),
  options: request.optional(),
  put: request.optional(),
};
const exchange = z.strictObject(verbs);

const answer = z.strictObject({
  status: anything.optional(),
  headers: z.record(z.string(), anything).optional(),
  body: anything.optional().describe('the body as text'),
  rpc: anything.optional().describe('the message that answers: the JSON body, or the response on the event stream'),
  messages: anything.optional().describe('all messages of the body, in order'),
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
  sequence: z.string().optional().describe('what all streams of this name brought, in order of arrival'),
  unique: z.boolean().optional().describe('no message came twice'),
  messages: anything.optional().describe('all messages of the sequence, in order'),
  none: anything.optional().describe('no message matches'),
  last: anything.optional().describe('the last message matches'),
  event_ids_unique: z.boolean().optional().describe('over all streams of the scenario'),
  distinct: z.array(z.string()).optional().describe('these variables differ from each other'),
});

const common = {
  name: z.string().optional().describe('names the check in reports'),
  requirement: z.string().optional(),
  level: z.enum(LEVELS).optional().describe('default: that of the scenario'),
  when: anything.optional().describe('{variable: matcher}: else the step is passed over'),
};

const step = z
  .strictObject({
    ...common,
    use: z.enum(['ready']).optional().describe('ready: a session where the revision has them, else nothing'),
    http: exchange.optional().describe('one exchange, read to its end'),
    open: z
      .strictObject({ as: z.string(), sequence: z.string().optional(), ...verbs })
      .optional()
      .describe('an exchange that stays open as a named stream'),
    resume: z
      .strictObject({
        as: z.string(),
        from: z.string().describe('the stream whose last event id is named'),
        sequence: z.string().optional(),
        last_event_id: z.string().optional(),
      })
      .optional(),
    expect: answer.optional(),
    on: z.string().optional().describe('the stream that "frames" are expected on'),
    mode: z
      .enum(['strict', 'eventually'])
      .optional()
      .describe('default strict: nothing in between but what is ignored'),
    ignore: z.array(z.enum(['comment', 'retry', 'priming', 'rpc'])).optional(),
    frames: z.array(frame).optional(),
    within: window.optional(),
    quiet: z
      .strictObject({
        on: z.string(),
        for: z.number().positive().describe('ms'),
        allow: z.array(z.string()).optional(),
      })
      .optional(),
    cut: z
      .strictObject({ stream: z.string(), after_messages: anything.optional().describe('cut once so many were read') })
      .optional(),
    parallel: z.array(z.array(anything)).optional().describe('lists of steps that run side by side'),
    repeat: z.strictObject({ times: z.int().positive(), steps: z.array(anything) }).optional(),
    wait: anything.optional().describe('ms'),
    check: invariant.optional(),
  })
  .superRefine((value, context) => {
    const kinds = ['use', 'http', 'open', 'resume', 'frames', 'quiet', 'cut', 'parallel', 'repeat', 'wait', 'check'];
    const given = kinds.filter((kind) => (value as Record<string, unknown>)[kind] !== undefined);
    if (given.length !== 1) {
      context.addIssue({
        code: 'custom',
        message: `a step is one of ${kinds.join(', ')}; got ${given.length === 0 ? 'none' : given.join(' and ')}`,
      });
    }
    if (value.frames && value.on === undefined) context.addIssue({ code: 'custom', message: '"frames" need "on"' });
  });

export const scenarioSchema = z.strictObject({
  $schema: z.string().optional(),
  id: z.string().regex(/^[a-z0-9]+(?:[.-][a-z0-9]+)+$/, { error: 'an id is like "session.unknown-id"' }),
  title: z.string(),
  revisions: range,
  level: z.enum(LEVELS),
  requirement: z.string().optional().describe('the rule it tests, by its id in requirements/'),
  requires: z
    .strictObject({
      session: z.boolean().optional(),
      resumption: z.boolean().optional().describe('streams with event ids'),
      capabilities: z.array(z.string()).optional(),
      fixtures: z.array(z.string()).optional(),
      target: z.array(z.string()).optional().describe('what the client must be able to do: host-header, sockets'),
    })
    .optional(),
  params: z.record(z.string(), z.array(anything)).optional().describe('one run for each combination'),
  controls: z.string().optional().describe('the scenario that shows that the same without the fault is answered'),
  timeout: z.number().positive().optional().describe('ms, default 10,000'),
  steps: z.array(step).min(1),
});

export type Scenario = z.output<typeof scenarioSchema>;
export type Step = z.output<typeof step>;
export type Request = z.output<typeof request>;
export type Frame = z.output<typeof frame>;
export type Answer = z.output<typeof answer>;
export type Invariant = z.output<typeof invariant>;
export type Window = z.output<typeof window>;

export const stepSchema: typeof step = step;

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

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { z } from 'zod';
import {
  type Context,
  elicit,
  elicitUrl,
  manualClock,
  type Principal,
  prompt,
  resource,
  roots,
  sample,
  tool,
} from '../server.ts';
import { admission } from './admission.ts';
import type { Core } from './call.ts';
import {
  base64Value,
  type Client,
  everythingAnd,
  Client as FixtureClient,
  gate,
  type HeaderChanges,
  type Json,
  LOG_LEVEL,
  MODERN,
  type ModernOptions,
  type Refusal,
  type Rpc,
  read,
  refused,
  SERVER_INFO,
  SUBSCRIPTION,
  said,
  serving,
} from './client.fixture.ts';
import { readConfig } from './config.ts';
import { sharedMethods } from './dispatch.ts';
import { settleWindow } from './exchange.ts';
import { Inbound } from './inbound.ts';
import { turnWatch } from './limits.ts';
import { compile } from './registry.ts';
import { running } from './running.ts';
import { seal } from './seal.ts';
import type { Sessions } from './session.ts';
import { heartbeat, streamCounts } from './sse.ts';
import { stateless } from './stateless.ts';
import { upstreams } from './upstream.ts';

const VERSION = 'io.modelcontextprotocol/protocolVersion';
const CAPABILITIES = 'io.modelcontextprotocol/clientCapabilities';
const echo = { name: 'echo', arguments: { text: 'hello' } };

// ---- the ladder ----------------------------------------------------------------------------------

/** A request before it is sent; a fault changes it. */
interface Draft {
  method: string;
  meta: Json;
  args: Json;
  headers: { [name: string]: string | null };
}

const guarded = tool(
  'guarded',
  {
    description: 'Serves only clients that can be asked for a completion',
    inputSchema: z.object({ region: z.string().meta({ 'x-mcp-header': 'Region' }) }),
  },
  async ({ region }, { ask, client }) => {
    if (client.capabilities.sampling === undefined) await ask({ reply: sample({ messages: [], maxTokens: 1 }) });
    return region;
  },
);

interface Fault {
  rung: number;
  what: string;
  apply: (draft: Draft) => void;
  refusal: Refusal;
  /** Takes away what tells the era, so it stands with no fault below it. */
  alone?: true;
}
const id = 'ladder';
const at = (status: number, code: number, says: RegExp, data?: unknown): Refusal => ({
  status,
  code,
  id,
  says,
  ...(data !== undefined && { data }),
});

const FAULTS: Fault[] = [
  ...[undefined, null, 20260728, [MODERN]].map(
    (claim): Fault => ({
      rung: 1,
      what: `the claimed version is ${JSON.stringify(claim) ?? 'missing'}`,
      apply: ({ meta }) => {
        meta[VERSION] = claim;
      },
      refusal: at(400, -32602, /^params\._meta needs "io\.modelcontextprotocol\/protocolVersion" as a string, got /),
    }),
  ),
  ...[undefined, null, true, 'sampling', ['sampling']].map(
    (capabilities): Fault => ({
      rung: 1,
      what: `the client capabilities are ${JSON.stringify(capabilities) ?? 'missing'}`,
      apply: ({ meta }) => {
        meta[CAPABILITIES] = capabilities;
      },
      refusal: at(
        400,
        -32602,
        /^params\._meta needs "io\.modelcontextprotocol\/clientCapabilities" as an object, got /,
      ),
    }),
  ),
  ...['2027-01-01', `${MODERN}, ${MODERN}`, `${MODERN}x`].map(
    (version): Fault => ({
      rung: 2,
      what: `the version header is ${version}`,
      apply: ({ headers }) => {
        headers['mcp-protocol-version'] = version;
      },
      refusal: at(400, -32020, /^Header MCP-Protocol-Version is ".*", but params\._meta claims "/),
      ...(version !== '2027-01-01' && { alone: true }),
    }),
  ),
  {
    rung: 3,
    what: 'the version is not supported',
    apply: ({ meta, headers }) => {
      meta[VERSION] = '2099-01-01';
      headers['mcp-protocol-version'] = '2099-01-01';
    },
    refusal: at(400, -32022, /^Protocol version "2099-01-01" is not supported; expected one of 2026-07-28$/, {
      supported: [MODERN],
      requested: '2099-01-01',
    }),
  },
  ...[null, 'TOOLS/CALL', 'tools/list', 'tools/call, tools/call', ''].map(
    (method): Fault => ({
      rung: 4,
      what: `Mcp-Method is ${JSON.stringify(method)}`,
      apply: ({ headers }) => {
        headers['mcp-method'] = method;
      },
      refusal: at(400, -32020, /^Header Mcp-Method is .*, but the method is "/),
    }),
  ),
  {
    rung: 5,
    what: 'the method is unknown',
    apply: (draft) => {
      draft.method = 'unknown/method';
      draft.headers['mcp-method'] = 'unknown/method';
      draft.headers['mcp-name'] = null;
    },
    refusal: at(404, -32601, /^Method "unknown\/method" is not supported$/),
  },
  {
    rung: 6,
    what: 'Mcp-Param-Region is missing',
    apply: ({ headers }) => {
      headers['mcp-param-region'] = null;
    },
    refusal: at(400, -32020, /^Header mcp-param-region is missing, the argument "region" is "eu"$/),
  },
  {
    rung: 6,
    what: 'Mcp-Param-Region differs',
    apply: ({ headers }) => {
      headers['mcp-param-region'] = 'us';
    },
    refusal: at(400, -32020, /^Header mcp-param-region is "us", but the argument "region" is "eu"$/),
  },
  {
    rung: 7,
    what: 'a capability is missing',
    apply: ({ meta }) => {
      meta[CAPABILITIES] = {};
    },
    refusal: at(400, -32021, /^Cannot ask the client: it did not declare the capability \{"sampling":\{\}\}$/, {
      requiredCapabilities: { sampling: {} },
    }),
  },
];

async function climb(client: Client, faults: readonly Fault[]) {
  const draft: Draft = {
    method: 'tools/call',
    meta: { [VERSION]: MODERN, [CAPABILITIES]: { sampling: {} } },
    args: { region: 'eu' },
    headers: {
      'mcp-protocol-version': MODERN,
      'mcp-method': 'tools/call',
      'mcp-name': 'guarded',
      'mcp-param-region': 'eu',
    },
  };
  // The lower the rung, the later it is applied, so that it stands.
  for (const fault of [...faults].sort((a, b) => b.rung - a.rung)) fault.apply(draft);
  const { method, meta: _meta, args, headers } = draft;
  const params = { name: 'guarded', arguments: args, _meta };
  return client.tell({ jsonrpc: '2.0', id, method, params }, headers);
}

const LADDER = { features: everythingAnd(guarded) };

test(
  'a request without fault is served',
  serving(async (client) => assert.equal(said(await climb(client, [])), 'eu'), LADDER),
);

for (const fault of FAULTS) {
  test(
    `when ${fault.what} the answer is ${fault.refusal.status} and ${fault.refusal.code}`,
    serving(async (client) => {
      refused(await climb(client, [fault]), fault.refusal);
      client.holdsNothing();
      assert.equal(said(await climb(client, [])), 'eu');
    }, LADDER),
  );
}

test(
  'of two faults the one on the lower rung wins',
  serving(async (client) => {
    for (const lower of FAULTS) {
      for (const upper of FAULTS.filter(({ rung, alone }) => rung > lower.rung && !alone))
        refused(await climb(client, [upper, lower]), lower.refusal);
    }
  }, LADDER),
);

// ---- metadata and headers ------------------------------------------------------------------------

test(
  'a request whose params or _meta are missing or no object answers 400',
  serving(async (client) => {
    const headers = { 'mcp-protocol-version': MODERN, 'mcp-method': 'tools/list' };
    const rows: [unknown, number, RegExp][] = [
      [undefined, -32602, /protocolVersion" as a string, got nothing$/],
      [{}, -32602, /protocolVersion" as a string, got nothing$/],
      [{ _meta: {} }, -32602, /protocolVersion" as a string, got nothing$/],
      [{ _meta: null }, -32602, /^"params\._meta" must be an object, got null$/],
      [{ _meta: 'modern' }, -32602, /^"params\._meta" must be an object, got "modern"$/],
      [{ _meta: [] }, -32602, /^"params\._meta" must be an object, got \[\]$/],
      [[], -32600, /^"params" must be an object, got \[\]$/],
      ['x', -32600, /^"params" must be an object, got "x"$/],
    ];
    for (const [params, code, says] of rows)
      refused(await client.tell({ jsonrpc: '2.0', id, method: 'tools/list', params }, headers), {
        status: 400,
        code,
        id,
        says,
      });
  }),
);

test(
  'the version header may not be missing when _meta claims a version, and stands for no missing claim',
  serving(async (client) => {
    const missing = await client.tellModern(
      { id, method: 'tools/list' },
      { headers: { 'mcp-protocol-version': null } },
    );
    refused(
      missing,
      at(400, -32020, /^Header MCP-Protocol-Version is nothing, but params\._meta claims "2026-07-28"$/),
    );
    const legacy = await client.tellModern(
      { id, method: 'tools/list' },
      { headers: { 'mcp-protocol-version': '2025-11-25' } },
    );
    refused(legacy, at(400, -32020, /^Header MCP-Protocol-Version is "2025-11-25", but/));
  }),
);

test(
  'a legacy version in modern framing is not supported here',
  serving(async (client) => {
    for (const version of ['2025-11-25', 'v999', '']) {
      const options = { meta: { [VERSION]: version }, headers: { 'mcp-protocol-version': version } };
      refused(
        await client.tellModern({ id, method: 'tools/list' }, options),
        at(400, -32022, /is not supported; expected one of 2026-07-28$/, { supported: [MODERN], requested: version }),
      );
    }
  }),
);

test(
  'clientInfo may be missing or nonsense, for nothing depends on it',
  serving(async (client) => {
    const key = 'io.modelcontextprotocol/clientInfo';
    for (const info of [undefined, { name: 'a', version: '1' }, { name: 5 }, 'a', null]) {
      assert.equal(
        said(await client.tellModern({ method: 'tools/call', params: echo }, { meta: { [key]: info } })),
        'hello',
      );
    }
  }),
);

for (const level of ['verbose', 'INFO', 3, null]) {
  test(
    `the log level ${JSON.stringify(level)} answers 400 and -32602`,
    serving(async (client) => {
      const says = /^"io\.modelcontextprotocol\/logLevel" must be one of debug, info, .*, got /;
      refused(
        await client.tellModern({ id, method: 'tools/list' }, { meta: { [LOG_LEVEL]: level } }),
        at(400, -32602, says),
      );
    }),
  );
}

const NAMED: [string, Json, string, (answer: Rpc) => boolean][] = [
  ['tools/call', echo, 'echo', ({ result }) => result?.content !== undefined],
  ['prompts/get', { name: 'test_simple_prompt' }, 'test_simple_prompt', ({ result }) => result?.messages !== undefined],
  [
    'resources/read',
    { uri: 'test://static-text' },
    'test://static-text',
    ({ result }) => result?.contents !== undefined,
  ],
];
for (const [method, params, name, served] of NAMED) {
  const tell = (client: Client, value: string | null, more: Json = {}) =>
    client.tellModern({ id, method, params: { ...params, ...more } }, { headers: { 'mcp-name': value } });
  const member = method === 'resources/read' ? 'uri' : 'name';

  test(
    `${method}: Mcp-Name is required and equals params.${member}`,
    serving(async (client) => {
      const rows: [string | null, RegExp][] = [
        [null, new RegExp(`^Header Mcp-Name is missing, params\\.${member} is "${name}"$`)],
        ['', new RegExp(`^Header Mcp-Name is "", but params\\.${member} is "${name}"$`)],
        ['other', /^Header Mcp-Name is "other", but/],
        [name.toUpperCase(), /^Header Mcp-Name is ".*", but/],
        [`${name}, ${name}`, /^Header Mcp-Name is ".*, .*", but/],
        [base64Value(name).replace(/=*\?=$/, '?='), /Header Mcp-Name is (not valid|".*", but)/],
        [
          '=?base64?*?=',
          /^Header Mcp-Name is not valid; expected visible ASCII or =\?base64\?\.\.\.\?= of UTF-8, got "=\?base64\?\*\?="$/,
        ],
        ['=?base64?/w==?=', /^Header Mcp-Name is not valid/],
        ['caf\u00e9', /^Header Mcp-Name is not valid/],
        [`${base64Value(name)}x`, /^Header Mcp-Name is ".*", but/],
        [base64Value(name).replace('base64', 'BASE64'), /^Header Mcp-Name is ".*", but/],
      ];
      for (const [value, says] of rows.filter(([value]) => value !== base64Value(name)))
        refused(await tell(client, value), at(400, -32020, says));
      for (const value of [name, ` ${name}\t`, base64Value(name)]) {
        assert.ok(served((await tell(client, value)).message as Rpc), value);
      }
    }),
  );

  test(
    `${method}: without params.${member} and Mcp-Name the answer is -32602, with Mcp-Name alone -32020`,
    serving(async (client) => {
      const says = new RegExp(`^"${member}" must be `);
      refused(await tell(client, null, { [member]: undefined }), at(200, -32602, says));
      refused(
        await tell(client, name, { [member]: undefined }),
        at(400, -32020, /^Header Mcp-Name is ".*", but .* is nothing$/),
      );
      refused(await tell(client, '5', { [member]: 5 }), at(400, -32020, /^Header Mcp-Name is "5", but .* is 5$/));
    }),
  );
}

test(
  'a name that no header can hold is compared after decoding',
  serving(async (client) => {
    const uri = 'test://template/zürich 🎈/data';
    const options = { headers: { 'mcp-name': base64Value(uri) } };
    const answer = await client.tellModern(
      { id, method: 'resources/read', params: { uri: 'test://static-text' } },
      options,
    );
    refused(answer, at(400, -32020, /^Header Mcp-Name is "test:\/\/template\/zürich 🎈\/data", but/));
    const found = await client.tellModern({ id, method: 'resources/read', params: { uri } }, options);
    assert.equal((found.result.contents as Json[])[0]?.uri, uri);
  }),
);

test(
  'header names are compared without case, and those of sessions are ignored',
  serving(async (client) => {
    const headers = {
      'mcp-protocol-version': null,
      'mcp-method': null,
      'mcp-name': null,
      'MCP-PROTOCOL-VERSION': MODERN,
      'MCP-METHOD': 'tools/call',
      'mCp-NaMe': 'echo',
      'Mcp-Session-Id': 'no session',
      'Last-Event-ID': 'no event',
    };
    const answer = await client.tellModern({ method: 'tools/call', params: echo }, { headers });
    assert.equal(said(answer), 'hello');
    assert.equal(answer.headers.get('mcp-session-id'), null);
  }),
);

// ---- methods -------------------------------------------------------------------------------------

const REMOVED = [
  'initialize',
  'ping',
  'logging/setLevel',
  'resources/subscribe',
  'resources/unsubscribe',
  'tasks/list',
  'tasks/result',
  'tasks/get',
  'notifications/initialized',
  '',
  'Tools/list',
];
for (const method of REMOVED) {
  test(
    `the method ${JSON.stringify(method)} answers 404 and -32601`,
    serving(async (client) => {
      const params = {
        uri: 'test://static-text',
        level: 'info',
        protocolVersion: MODERN,
        capabilities: {},
        taskId: 'a',
      };
      const answer = await client.tellModern({ id, method, params });
      refused(answer, at(404, -32601, new RegExp(`^Method "${method}" is not supported$`)));
      client.holdsNothing();
    }),
  );
}

const ADVERTISED: [string, string[]][] = [
  ['tools', ['tools/list', 'tools/call']],
  ['prompts', ['prompts/list', 'prompts/get']],
  ['resources', ['resources/list', 'resources/templates/list', 'resources/read']],
  ['completions', ['completion/complete']],
];
test(
  'what is not advertised answers 404 and -32601, and so does listen where nothing can change',
  serving(
    async (client) => {
      const { capabilities } = (await client.tellModern({ method: 'server/discover' })).result;
      assert.deepEqual(capabilities, { logging: {} });
      const methods = [...ADVERTISED.flatMap(([, names]) => names), 'subscriptions/listen'];
      for (const method of methods) {
        const params = { name: 'a', uri: 'test://a', notifications: {} };
        refused(await client.tellModern({ id, method, params }), at(404, -32601, /is not supported$/));
      }
      const session = await client.initialize();
      assert.deepEqual(session.opened.capabilities, { logging: {} });
      for (const method of methods) assert.equal((await session.request(method)).message?.error?.code, -32601, method);
    },
    { features: [] },
  ),
);

test(
  'what is advertised is served',
  serving(async (client) => {
    const { capabilities } = (await client.tellModern({ method: 'server/discover' })).result;
    for (const [name, methods] of ADVERTISED) {
      assert.ok(Object.hasOwn(capabilities as object, name));
      for (const method of methods) {
        const code = (await client.tellModern({ method, params: {} })).message?.error?.code;
        assert.notEqual(code, -32601, method);
      }
    }
  }),
);

test(
  'server/discover answers versions, capabilities and instructions, cacheable, and no serverInfo beside _meta',
  serving(
    async (client) => {
      const answer = await client.tellModern({ id: 0, method: 'server/discover' });
      assert.deepEqual(answer.message, {
        jsonrpc: '2.0',
        id: 0,
        result: {
          resultType: 'complete',
          _meta: { [SERVER_INFO]: { name: 'under-test', version: '1.2.3', title: 'Under test' } },
          supportedVersions: [MODERN],
          capabilities: {
            logging: {},
            tools: { listChanged: true },
            prompts: { listChanged: true },
            resources: { subscribe: true, listChanged: true },
            completions: {},
          },
          instructions: 'Call echo.',
          ttlMs: 5000,
          cacheScope: 'public',
        },
      });
    },
    { title: 'Under test', instructions: 'Call echo.', cache: { ttlMs: 5000, cacheScope: 'public' } },
  ),
);

test(
  'every result says who answers and of what type it is; six methods say how long it may be kept, no other',
  serving(async (client) => {
    const rows: [string, Json, [number, string] | undefined][] = [
      ['server/discover', {}, [0, 'private']],
      ['tools/list', {}, [0, 'private']],
      ['prompts/list', {}, [0, 'private']],
      ['resources/list', {}, [0, 'private']],
      ['resources/templates/list', {}, [0, 'private']],
      ['resources/read', { uri: 'test://static-text' }, [60_000, 'public']],
      ['resources/read', { uri: 'test://watched-resource' }, [0, 'private']],
      ['tools/call', echo, undefined],
      ['tools/call', { name: 'test_error_handling' }, undefined],
      ['prompts/get', { name: 'test_simple_prompt' }, undefined],
      [
        'completion/complete',
        { ref: { type: 'ref/prompt', name: 'test_prompt_with_arguments' }, argument: { name: 'arg1', value: '' } },
        undefined,
      ],
    ];
    for (const [method, params, kept] of rows) {
      const { resultType, _meta, ttlMs, cacheScope } = (await client.tellModern({ method, params })).result;
      assert.equal(resultType, 'complete', method);
      assert.deepEqual(_meta, { [SERVER_INFO]: { name: 'under-test', version: '1.2.3' } }, method);
      assert.deepEqual([ttlMs, cacheScope], kept ?? [undefined, undefined], method);
    }
  }),
);

test(
  'a notification answers 202 and is dropped, or 400 where its revision is not served; a response answers 400 without an id',
  serving(async (client) => {
    const headers = { 'mcp-protocol-version': MODERN };
    for (const method of ['notifications/cancelled', 'notifications/initialized', 'unknown']) {
      const answer = await client.tell({ jsonrpc: '2.0', method, params: { requestId: 1 } }, headers);
      assert.deepEqual([answer.status, answer.text], [202, '']);
    }
    refused(
      await client.tell(
        { jsonrpc: '2.0', method: 'notifications/cancelled', params: { requestId: 1 } },
        { 'mcp-protocol-version': '2099-01-01' },
      ),
      {
        status: 400,
        code: -32022,
        says: /^Protocol version "2099-01-01" is not supported; expected one of 2026-07-28$/,
        data: { supported: [MODERN], requested: '2099-01-01' },
      },
    );
    for (const message of [
      { jsonrpc: '2.0', id: 1, result: {} },
      { jsonrpc: '2.0', id: 'a', error: { code: 1, message: '' } },
    ])
      refused(await client.tell(message, headers), {
        status: 400,
        code: -32600,
        says: /^A client sends no responses in revision 2026-07-28$/,
      });
    client.holdsNothing();
  }),
);

test(
  'a params.task is ignored',
  serving(async (client) => {
    const answer = await client.tellModern({ method: 'tools/call', params: { ...echo, task: { ttl: 1000 } } });
    assert.equal(answer.result.resultType, 'complete');
    assert.equal(said(answer), 'hello');
  }),
);

// ---- streams of a call ---------------------------------------------------------------------------

test(
  'a call that speaks is a stream without event ids, priming or retry, and ends with its answer',
  serving(async (client) => {
    const options = { meta: { progressToken: 'p', [LOG_LEVEL]: 'info' } };
    const response = await client.modern(
      { id: 1, method: 'tools/call', params: { name: 'test_tool_with_progress' } },
      options,
    );
    assert.equal(response.headers.get('x-accel-buffering'), 'no');
    const events = client.events(response);
    await events.over;
    assert.deepEqual(
      events.received.map(({ id: eventId }) => eventId),
      [undefined, undefined, undefined, undefined],
    );
    assert.deepEqual(
      events.received.map(({ message }) => message?.params?.progress ?? message?.id),
      [0, 50, 100, 1],
    );
    assert.equal(events.retry, undefined);
    client.holdsNothing();
  }),
);

test(
  'log messages go only to a request that asks for them, from its level on',
  serving(
    async (client) => {
      const levels = async (meta: Json) => {
        const { messages } = await client.tellModern({ method: 'tools/call', params: { name: 'logging' } }, { meta });
        return messages.flatMap(({ params }) => (params?.level === undefined ? [] : [params.level]));
      };
      assert.deepEqual(await levels({}), []);
      assert.deepEqual(await levels({ [LOG_LEVEL]: 'critical' }), ['emergency']);
      assert.deepEqual(await levels({ [LOG_LEVEL]: 'info' }), ['info', 'emergency']);
      assert.deepEqual(await levels({ [LOG_LEVEL]: 'debug' }), ['debug', 'info', 'emergency']);
    },
    {
      features: [
        tool('logging', { description: 'Logs' }, async (_input, { log }) => {
          for (const level of ['debug', 'info', 'emergency'] as const) await log(level, 'x');
          return 'logged';
        }),
      ],
    },
  ),
);

test('hanging up cancels the call, whether or not its stream was open', async () => {
  const begun = gate<Context>();
  const aborted = gate<unknown>();
  const waiting = tool('waiting', { description: 'Waits' }, async (_input, context) => {
    await context.progress(1);
    context.signal.addEventListener('abort', () => aborted.open(context.signal.reason));
    begun.open(context);
    await context.sleep(3600_000);
    return 'never';
  });
  await serving(
    async (client) => {
      const open = client.events(
        await client.modern({ method: 'tools/call', params: { name: 'waiting' } }, { meta: { progressToken: 1 } }),
      );
      await open.message();
      await begun.promise;
      await open.cut();
      assert.match(String(await aborted.promise), /hung up/);
    },
    { features: [waiting] },
  )();
});

test('hanging up before the answer began cancels the call', async () => {
  const clock = manualClock();
  const begun = gate();
  const aborted = gate<unknown>();
  const waiting = tool('waiting', { description: 'Waits' }, async (_input, { sleep, signal }) => {
    signal.addEventListener('abort', () => aborted.open(signal.reason));
    begun.open();
    await sleep(3600_000);
    return 'never';
  });
  await serving(
    async (client) => {
      const leaving = new AbortController();
      const response = client.modern({ method: 'tools/call', params: { name: 'waiting' } }, {}, leaving.signal);
      await begun.promise;
      // The call is known to last when its turn is over.
      await clock.advance(0);
      leaving.abort();
      assert.match(String(await aborted.promise), /hung up/);
      await (await response).body?.cancel();
      assert.equal(client.server.stats().calls, 0);
    },
    { features: [waiting], clock },
  )();
});

// ---- questions -----------------------------------------------------------------------------------

const ALL = { elicitation: { form: {}, url: {} }, sampling: { tools: {} }, roots: {} };
const accept = (content: Json) => ({ action: 'accept', content });

/** One try of a call: the first, or a retry with what the last one gave. */
async function attempt(client: Client, name: string, more: Json = {}, options: ModernOptions = {}, args?: Json) {
  const params = { name, ...(args && { arguments: args }), ...more };
  return client.tellModern({ method: 'tools/call', params }, { capabilities: ALL, ...options });
}

test(
  'a question ends the call as input_required, with the bare request and a state, and nothing is kept',
  serving(async (client) => {
    const { result } = await attempt(client, 'test_input_required_result_elicitation');
    const { requestState, ...rest } = result;
    assert.equal(typeof requestState, 'string');
    assert.deepEqual(rest, {
      resultType: 'input_required',
      inputRequests: {
        user_name: {
          method: 'elicitation/create',
          params: {
            mode: 'form',
            message: 'What is your name?',
            requestedSchema: { type: 'object', properties: { name: { type: 'string' } }, required: ['name'] },
          },
        },
      },
      _meta: { [SERVER_INFO]: { name: 'under-test', version: '1.2.3' } },
    });
    client.holdsNothing();
    const inputResponses = { user_name: accept({ name: 'Ada' }) };
    const answer = await attempt(client, 'test_input_required_result_elicitation', { inputResponses, requestState });
    assert.equal(answer.result.resultType, 'complete');
    assert.equal(said(answer), 'Hello, Ada!');
  }),
);

test(
  'every kind of question is a bare {method, params} with params an object',
  serving(async (client) => {
    const { inputRequests } = (await attempt(client, 'test_input_required_result_multiple_inputs')).result;
    const asked = inputRequests as Record<string, { method: string; params: object }>;
    assert.deepEqual(
      Object.entries(asked).map(([key, { method }]) => [key, method]),
      [
        ['user_name', 'elicitation/create'],
        ['greeting', 'sampling/createMessage'],
        ['client_roots', 'roots/list'],
      ],
    );
    for (const question of Object.values(asked)) assert.deepEqual(Object.keys(question), ['method', 'params']);
    assert.deepEqual(asked.client_roots?.params, {});
  }),
);

test(
  'a round at a time: earlier answers travel in the state, the last answer completes the call',
  serving(async (client) => {
    const name = 'test_input_required_result_multi_round';
    const first = (await attempt(client, name)).result;
    assert.deepEqual(Object.keys(first.inputRequests as object), ['step1']);
    const second = (
      await attempt(client, name, {
        inputResponses: { step1: accept({ name: 'Ada' }) },
        requestState: first.requestState,
      })
    ).result;
    assert.equal(second.resultType, 'input_required');
    assert.deepEqual(Object.keys(second.inputRequests as object), ['step2']);
    const last = await attempt(client, name, {
      inputResponses: { step2: accept({ color: 'blue' }) },
      requestState: second.requestState,
    });
    assert.equal(said(last), 'Ada likes blue');
  }),
);

test(
  'an answer that is missing or does not fit is asked for again, those that fit are kept, unknown ones ignored',
  serving(async (client) => {
    const name = 'test_input_required_result_multiple_inputs';
    const first = (await attempt(client, name)).result;
    const inputResponses = {
      user_name: accept({ name: 'Ada' }),
      greeting: { role: 'nobody' },
      other: accept({ name: 'ignored' }),
      __proto__: { client_roots: { roots: [] } },
    };
    const second = (await attempt(client, name, { inputResponses, requestState: first.requestState })).result;
    assert.equal(second.resultType, 'input_required');
    assert.deepEqual(Object.keys(second.inputRequests as object), ['greeting', 'client_roots']);
    const rest = {
      greeting: { role: 'assistant', content: { type: 'text', text: 'Welcome.' }, model: 'm' },
      client_roots: { roots: [{ uri: 'file:///home' }] },
    };
    const last = await attempt(client, name, { inputResponses: rest, requestState: second.requestState });
    assert.equal(said(last), 'Hello, Ada! Welcome. Roots: file:///home');
  }),
);

test(
  'a retry without answers, or with what are no answers, is asked again',
  serving(async (client) => {
    const name = 'test_input_required_result_elicitation';
    const { requestState } = (await attempt(client, name)).result;
    for (const inputResponses of [
      undefined,
      {},
      [],
      'x',
      null,
      { user_name: null },
      { user_name: { action: 'maybe' } },
    ]) {
      const again = (await attempt(client, name, { inputResponses, requestState })).result;
      assert.equal(again.resultType, 'input_required', JSON.stringify(inputResponses));
      assert.deepEqual(Object.keys(again.inputRequests as object), ['user_name']);
    }
  }),
);

test(
  'an answer belongs to one round: a later question of the same key is asked anew',
  serving(
    async (client) => {
      const first = (await attempt(client, 'twice')).result;
      const answered = { inputResponses: { who: accept({ name: 'Ada' }) }, requestState: first.requestState };
      const second = (await attempt(client, 'twice', answered)).result;
      assert.equal(second.resultType, 'input_required');
      const last = { inputResponses: { who: accept({ name: 'Grace' }) }, requestState: second.requestState };
      assert.equal(said(await attempt(client, 'twice', last)), 'Ada, then Grace');
    },
    {
      features: [
        tool('twice', { description: 'Asks the same twice' }, async (_input, { ask }) => {
          const name = async () => {
            const { who } = await ask({ who: elicit('Who?', z.object({ name: z.string() })) });
            return who.action === 'accept' ? who.content.name : who.action;
          };
          return `${await name()}, then ${await name()}`;
        }),
      ],
    },
  ),
);

test(
  'the user may decline',
  serving(async (client) => {
    const name = 'test_input_required_result_elicitation';
    const { requestState } = (await attempt(client, name)).result;
    const declined = await attempt(client, name, {
      inputResponses: { user_name: { action: 'decline' } },
      requestState,
    });
    assert.equal(said(declined), 'No name: decline');
  }),
);

test(
  'prompts ask too, and resources; an input_required read may not be kept',
  serving(
    async (client) => {
      const asked = await client.tellModern(
        { method: 'prompts/get', params: { name: 'test_input_required_result_prompt' } },
        { capabilities: ALL },
      );
      const inputResponses = { user_context: accept({ context: 'tea' }) };
      const { requestState } = asked.result;
      const params = { name: 'test_input_required_result_prompt', inputResponses, requestState };
      const got = await client.tellModern({ method: 'prompts/get', params }, { capabilities: ALL });
      assert.match(JSON.stringify(got.result.messages), /Use this context: tea/);

      const uri = 'test://asking';
      const reading = await client.tellModern({ method: 'resources/read', params: { uri } }, { capabilities: ALL });
      assert.equal(reading.result.resultType, 'input_required');
      assert.deepEqual([reading.result.ttlMs, reading.result.cacheScope], [undefined, undefined]);
      const retry = { uri, inputResponses: { who: { action: 'decline' } }, requestState: reading.result.requestState };
      const text = await client.tellModern({ method: 'resources/read', params: retry }, { capabilities: ALL });
      assert.equal((text.result.contents as Json[])[0]?.text, 'decline');
    },
    {
      features: everythingAnd(
        resource('asking', 'test://asking', {}, async (_uri, _variables, { ask }) => {
          const { who } = await ask({ who: elicit('Who?', z.object({ name: z.string() })) });
          return who.action;
        }),
      ),
    },
  ),
);

const LACKING: [string, Json, Json][] = [
  ['test_input_required_result_elicitation', {}, { elicitation: {} }],
  ['test_input_required_result_elicitation', { elicitation: { url: {} } }, { elicitation: { form: {} } }],
  ['test_input_required_result_sampling', { elicitation: {} }, { sampling: {} }],
  ['test_input_required_result_sampling', { sampling: true }, { sampling: {} }],
  ['test_input_required_result_list_roots', {}, { roots: {} }],
  ['test_input_required_result_multiple_inputs', { roots: {} }, { elicitation: {}, sampling: {} }],
  ['page', { elicitation: {} }, { elicitation: { url: {} } }],
  ['tooled', { sampling: {} }, { sampling: { tools: {} } }],
];
const needy = {
  features: everythingAnd(
    tool('page', { description: 'Opens a page' }, async (_input, { ask }) => {
      const { page } = await ask({ page: elicitUrl('Open it', 'https://example.com/a') });
      return page.action;
    }),
    tool('tooled', { description: 'Samples with tools' }, async (_input, { ask }) => {
      const { reply } = await ask({ reply: sample({ messages: [], maxTokens: 1, tools: [] }) });
      return reply.model;
    }),
  ),
};
for (const [name, capabilities, requiredCapabilities] of LACKING) {
  test(
    `${name} with the capabilities ${JSON.stringify(capabilities)} answers 400 and -32021`,
    serving(async (client) => {
      const answer = await client.tellModern({ id, method: 'tools/call', params: { name } }, { capabilities });
      refused(
        answer,
        at(400, -32021, /^Cannot ask the client: it did not declare the capability /, { requiredCapabilities }),
      );
      const able = await client.tellModern({ id, method: 'tools/call', params: { name } }, { capabilities: ALL });
      assert.equal(able.result.resultType, 'input_required');
      client.holdsNothing();
    }, needy),
  );
}

test(
  'a page to open has no elicitationId here',
  serving(async (client) => {
    const { inputRequests } = (await attempt(client, 'page')).result;
    assert.deepEqual(inputRequests, {
      page: { method: 'elicitation/create', params: { mode: 'url', message: 'Open it', url: 'https://example.com/a' } },
    });
  }, needy),
);

test(
  'capabilities are those of the request, never those of one before',
  serving(async (client) => {
    const name = 'test_input_required_result_elicitation';
    const { requestState } = (await attempt(client, name)).result;
    const answer = await attempt(client, name, { requestState }, { capabilities: {} });
    assert.equal(answer.message?.error?.code, -32021);
  }),
);

test(
  'an optional question is left out where the client cannot be asked',
  serving(async (client) => {
    const name = 'test_input_required_result_capabilities';
    assert.equal(said(await attempt(client, name, {}, { capabilities: {} })), 'The client cannot be asked');
    const { inputRequests } = (await attempt(client, name, {}, { capabilities: { sampling: {} } })).result;
    assert.deepEqual(Object.keys(inputRequests as object), ['capital_question']);
  }),
);

test(
  'a capability found missing after the stream began is told on the stream',
  serving(async (client) => {
    const options = { capabilities: {}, meta: { progressToken: 1 } };
    const answer = await client.tellModern(
      { id, method: 'tools/call', params: { name: 'test_streaming_elicitation' } },
      options,
    );
    assert.equal(answer.status, 200);
    assert.deepEqual(
      answer.messages.map(({ method, error }) => method ?? error?.code),
      ['notifications/progress', -32021],
    );
    const quiet = await client.tellModern(
      { id, method: 'tools/call', params: { name: 'test_streaming_elicitation' } },
      { capabilities: {} },
    );
    assert.equal(quiet.status, 400);
  }),
);

// ---- once ----------------------------------------------------------------------------------------

test('what is done once is done once, however often the handler runs', async () => {
  const runs: string[] = [];
  const paying = tool('paying', { description: 'Pays once' }, async (_input, { ask, once }) => {
    runs.push('handler');
    const receipt = await once('pay', async () => {
      runs.push('pay');
      return { receipt: runs.length };
    });
    const nothing = await once('nothing', () => void runs.push('nothing'));
    const { who } = await ask({ who: elicit('Who?', z.object({ name: z.string() })) });
    const odd = await once('__proto__', () => {
      runs.push('odd');
      return 'kept';
    });
    const { sure } = await ask({ sure: elicit('Sure?', z.object({ ok: z.boolean() })) });
    return JSON.stringify([receipt, nothing ?? null, odd, who.action, sure.action]);
  });
  await serving(
    async (client) => {
      const first = (await attempt(client, 'paying')).result;
      const again = (await attempt(client, 'paying', { requestState: first.requestState })).result;
      const second = (
        await attempt(client, 'paying', {
          inputResponses: { who: { action: 'cancel' } },
          requestState: again.requestState,
        })
      ).result;
      const last = await attempt(client, 'paying', {
        inputResponses: { sure: { action: 'decline' } },
        requestState: second.requestState,
      });
      assert.equal(said(last), JSON.stringify([{ receipt: 2 }, null, 'kept', 'cancel', 'decline']));
      assert.deepEqual(runs, ['handler', 'pay', 'nothing', 'handler', 'handler', 'odd', 'handler']);
    },
    { features: [paying] },
  )();
});

// ---- the state that travels ----------------------------------------------------------------------

const STATEFUL_TOOL = 'test_input_required_result_tampered_state';
const confirmed = { confirm: accept({ ok: true }) };
const badState = (
  says = /^"requestState" was not given for this request, or was changed; repeat the call without it$/,
): Refusal => at(200, -32602, says);

async function retry(client: Client, requestState: unknown, params: Json = {}, options: ModernOptions = {}) {
  return client.tellModern(
    { id, method: 'tools/call', params: { name: STATEFUL_TOOL, inputResponses: confirmed, requestState, ...params } },
    { capabilities: ALL, ...options },
  );
}

test(
  'a state that was changed anywhere answers -32602',
  serving(async (client) => {
    const { requestState } = (await attempt(client, STATEFUL_TOOL)).result;
    const state = String(requestState);
    for (let place = 0; place < state.length; place += 7) {
      const changed = state.slice(0, place) + (state[place] === 'A' ? 'B' : 'A') + state.slice(place + 1);
      refused(await retry(client, changed), badState());
    }
    const others = [
      '',
      'x',
      `${state}A`,
      state.slice(1),
      state.slice(0, -1),
      ` ${state}`,
      `${state}=`,
      `${state}.${state}`,
      '{"confirm":true}',
      'A'.repeat(100),
    ];
    for (const changed of others) refused(await retry(client, changed), badState());
    assert.match(said(await retry(client, state)), /^Confirmed: action=accept/);
  }),
);

for (const requestState of [5, null, true, {}, ['x']]) {
  test(
    `a state that is ${JSON.stringify(requestState)} answers -32602`,
    serving(async (client) => {
      refused(
        await retry(client, requestState),
        badState(/^"requestState" must be a string of at most 65536 characters, as it was given$/),
      );
    }),
  );
}

test(
  'a state longer than the bound answers -32602, and one that would be is not given',
  serving(
    async (client) => {
      refused(await retry(client, 'A'.repeat(1025)), badState(/must be a string of at most 1024 characters/));
      refused(await retry(client, 'A'.repeat(1024)), badState());
      const answer = await client.tellModern(
        { id, method: 'tools/call', params: { name: 'hoarding' } },
        { capabilities: ALL },
      );
      const [bug] = client.bugs.splice(0);
      refused(answer, at(200, -32603, new RegExp(`^Internal error \\(${bug?.id}\\)$`)));
      assert.match(String(bug?.error), /The state of this call takes \d+ characters, and MCP_MAX_STATE is 1024/);
    },
    {
      env: { MCP_MAX_STATE: 1024 },
      features: everythingAnd(
        tool('hoarding', { description: 'Keeps too much' }, async (_input, { ask, once }) => {
          await once('much', () => 'x'.repeat(2000));
          await ask({ who: elicit('Who?', z.object({ name: z.string() })) });
          return 'never';
        }),
      ),
    },
  ),
);

test('a state expires', async () => {
  const clock = manualClock();
  await serving(
    async (client) => {
      const { requestState } = (await attempt(client, STATEFUL_TOOL)).result;
      await clock.advance(60_000);
      assert.match(said(await retry(client, requestState)), /^Confirmed/);
      await clock.advance(1);
      refused(await retry(client, requestState), badState(/^"requestState" has expired; repeat the call without it$/));
      assert.match(said(await retry(client, undefined)), /^Confirmed/);
    },
    { clock, env: { MCP_STATE_TTL: 60 } },
  )();
});

test(
  'a state belongs to its call: another tool, prompt or arguments answer -32602',
  serving(
    async (client) => {
      const args = { a: 1, b: { c: [1, 2], d: null } };
      const { requestState } = (await attempt(client, 'asking', {}, {}, args)).result;
      const again = async (name: string, given: Json | undefined, more: Json = {}) => {
        const params = { name, arguments: given, inputResponses: { who: { action: 'cancel' } }, requestState, ...more };
        return client.tellModern({ id, method: 'tools/call', params }, { capabilities: ALL });
      };
      refused(await again('asking', { ...args, a: 2 }), badState());
      refused(await again('asking', { ...args, a: '1' }), badState());
      refused(await again('asking', { ...args, b: { c: [2, 1], d: null } }), badState());
      refused(await again('asking', { ...args, b: { c: [1, 2] } }), badState());
      refused(await again('asking', { ...args, e: 1 }), badState());
      refused(await again('asking', { a: 1 }), badState());
      refused(await again('asking', undefined), badState());
      refused(await again('asking too', args, { name: 'asking_too' }), badState());
      const params = { name: 'asking', arguments: {}, requestState };
      refused(await client.tellModern({ id, method: 'prompts/get', params }, { capabilities: ALL }), badState());
      assert.equal(
        said(await again('asking', { b: { d: null, c: [1, 2] }, a: 1 })),
        'cancel',
        'the same in another order',
      );
    },
    {
      features: [
        ...['asking', 'asking_too'].map((name) =>
          tool(name, { description: 'Asks', inputSchema: z.looseObject({}) }, async (_input, { ask }) => {
            const { who } = await ask({ who: elicit('Who?', z.object({})) });
            return who.action;
          }),
        ),
        prompt('asking', {}, () => 'a'),
      ],
    },
  ),
);

test(
  'a state given without arguments is good for empty ones',
  serving(async (client) => {
    const { requestState } = (await attempt(client, STATEFUL_TOOL)).result;
    assert.match(said(await retry(client, requestState, { arguments: {} })), /^Confirmed/);
  }),
);

test(
  'another node with the same secret takes the state, one with another secret does not',
  serving(
    async (client) => {
      const { requestState } = (await attempt(client, STATEFUL_TOOL)).result;
      const twin = new FixtureClient({ env: { MCP_SESSION_SECRET: 'the secret of all nodes' } });
      assert.match(said(await retry(twin, requestState)), /^Confirmed/);
      const stranger = new FixtureClient({ env: { MCP_SESSION_SECRET: 'the secret of a stranger' } });
      refused(await retry(stranger, requestState), badState());
    },
    { env: { MCP_SESSION_SECRET: 'the secret of all nodes' } },
  ),
);

test(
  'a session id is no state, and a state no session id',
  serving(async (client) => {
    const session = await client.initialize();
    refused(await retry(client, session.id), badState());
    const { requestState } = (await attempt(client, STATEFUL_TOOL)).result;
    const answer = await client.tell(
      { jsonrpc: '2.0', id: 1, method: 'ping' },
      { 'mcp-session-id': String(requestState) },
    );
    assert.equal(answer.status, 404);
  }),
);

test(
  'a state tells its reader nothing of what it carries',
  serving(async (client) => {
    const name = 'test_input_required_result_multi_round';
    const first = (await attempt(client, name)).result;
    const inputResponses = { step1: accept({ name: 'Ada Lovelace' }) };
    const { requestState } = (await attempt(client, name, { inputResponses, requestState: first.requestState })).result;
    const text = Buffer.from(String(requestState), 'base64url').toString('latin1');
    assert.ok(!text.includes('Ada'));
  }),
);

test(
  'methods that never ask ignore a state',
  serving(async (client) => {
    const answer = await client.tellModern({ method: 'tools/list', params: { requestState: 'x', inputResponses: {} } });
    assert.ok(Array.isArray(answer.result.tools));
  }),
);

/** The era by itself, where requests have principals. */
const NO_SESSIONS: Sessions = {
  mint: () => Promise.reject(new Error('There are no sessions here')),
  open: () => undefined,
  end() {},
};

function withPrincipals() {
  const config = readConfig({});
  const clock = manualClock();
  const counts = streamCounts();
  const asking = tool('asking', { description: 'Asks' }, async (_input, { ask, principal }) => {
    const { list } = await ask({ list: roots() });
    return `${principal?.subject} has ${list.length}`;
  });
  const registry = compile({ info: { name: 'a', version: '1' }, features: [asking], pageSize: 10 });
  const quiet = () => {};
  const calls = running();
  const core: Core = {
    registry,
    config,
    clock,
    counts,
    settle: settleWindow(clock, 0, true),
    heartbeat: heartbeat(clock, 1000, 1000, true),
    limits: { events: 1, bytes: 1024, ahead: 1024, total: 1024 },
    notify: { toolsChanged: quiet, promptsChanged: quiet, resourcesChanged: quiet, resourceUpdated: quiet },
    running: calls,
    admission: admission({
      config,
      clock,
      registry,
      sessions: NO_SESSIONS,
      running: calls,
      auth: undefined,
      turns: turnWatch(clock),
      refused: quiet,
    }),
    observer: { begin: () => undefined, ended: quiet, answered: quiet, sessionBegun: quiet, sessionEnded: quiet },
    upstreams: upstreams({ config, clock, trusted: [] }),
    questions: 0,
    report: () => 'none',
  };
  const era = stateless(core, seal('a secret of this test'), sharedMethods(registry));
  return async (subject: string | undefined, more: Json = {}) => {
    const principal: Principal | undefined = subject === undefined ? undefined : { subject, scopes: [], claims: {} };
    const _meta = { [VERSION]: MODERN, [CAPABILITIES]: { roots: {} } };
    const body = { jsonrpc: '2.0', id, method: 'tools/call', params: { name: 'asking', ...more, _meta } };
    const headers = { 'mcp-protocol-version': MODERN, 'mcp-method': 'tools/call', 'mcp-name': 'asking' };
    const request = new Request('http://localhost/mcp', { method: 'POST', headers });
    const inbound = new Inbound(request, {});
    inbound.principal = principal;
    return read(await era.answer(body, MODERN, inbound));
  };
}

test('a state belongs to its principal', async () => {
  const tell = withPrincipals();
  const { requestState } = (await tell('owner')).result;
  const inputResponses = { list: { roots: [] } };
  refused(await tell('stranger', { inputResponses, requestState }), badState());
  refused(await tell(undefined, { inputResponses, requestState }), badState());
  assert.equal(said(await tell('owner', { inputResponses, requestState })), 'owner has 0');
  const free = (await tell(undefined)).result.requestState;
  refused(await tell('owner', { inputResponses, requestState: free }), badState());
});

// ---- subscriptions/listen ------------------------------------------------------------------------

async function listen(client: Client, notifications: unknown, requestId: unknown = 'l', headers: HeaderChanges = {}) {
  return client.modern({ id: requestId, method: 'subscriptions/listen', params: { notifications } }, { headers });
}
const everything = {
  toolsListChanged: true,
  promptsListChanged: true,
  resourcesListChanged: true,
  resourceSubscriptions: ['test://watched-resource', 'test://none'],
};

for (const requestId of [0, '', 'l', 7]) {
  test(
    `listen with the id ${JSON.stringify(requestId)}: the acknowledgement comes first, and every notification has the id as it was`,
    serving(async (client) => {
      const events = client.events(await listen(client, everything, requestId));
      client.server.notify.toolsChanged();
      client.server.notify.promptsChanged();
      client.server.notify.resourcesChanged();
      client.server.notify.resourceUpdated('test://watched-resource');
      const _meta = { [SUBSCRIPTION]: requestId };
      const heard = [];
      for (let count = 0; count < 5; count++) heard.push(await events.message());
      assert.deepEqual(heard, [
        {
          jsonrpc: '2.0',
          method: 'notifications/subscriptions/acknowledged',
          params: { _meta, notifications: everything },
        },
        { jsonrpc: '2.0', method: 'notifications/tools/list_changed', params: { _meta } },
        { jsonrpc: '2.0', method: 'notifications/prompts/list_changed', params: { _meta } },
        { jsonrpc: '2.0', method: 'notifications/resources/list_changed', params: { _meta } },
        {
          jsonrpc: '2.0',
          method: 'notifications/resources/updated',
          params: { uri: 'test://watched-resource', _meta },
        },
      ]);
      assert.ok(events.received.every((event) => event.id === undefined));
      assert.equal(client.server.stats().listening, 1);
      client.server.close();
      const ended = await events.message();
      assert.strictEqual(ended.id, requestId);
      assert.equal(ended.result?.resultType, 'complete');
      assert.strictEqual(ended.result?._meta?.[SUBSCRIPTION], requestId);
      assert.deepEqual(await events.rest(), []);
      client.holdsNothing();
    }),
  );
}

const FILTERS: [Json, Json, string[]][] = [
  [{}, {}, []],
  [{ toolsListChanged: true }, { toolsListChanged: true }, ['notifications/tools/list_changed']],
  [
    { toolsListChanged: false, promptsListChanged: true },
    { promptsListChanged: true },
    ['notifications/prompts/list_changed'],
  ],
  [{ resourcesListChanged: true }, { resourcesListChanged: true }, ['notifications/resources/list_changed']],
  [{ resourceSubscriptions: [] }, { resourceSubscriptions: [] }, []],
  [
    { resourceSubscriptions: ['test://a'] },
    { resourceSubscriptions: ['test://a'] },
    ['notifications/resources/updated', 'notifications/resources/updated'],
  ],
  [{ unknownListChanged: true, taskIds: ['t'] }, {}, []],
];
for (const [asked, honoured, heard] of FILTERS) {
  test(
    `listen to ${JSON.stringify(asked)} hears that and nothing else`,
    serving(async (client) => {
      const events = client.events(await listen(client, asked));
      assert.deepEqual((await events.message()).params?.notifications, honoured);
      client.server.notify.toolsChanged();
      client.server.notify.promptsChanged();
      client.server.notify.resourcesChanged();
      for (const uri of ['test://a', 'test://a/part', 'test://ab', 'test://b'])
        client.server.notify.resourceUpdated(uri);
      client.server.close();
      assert.deepEqual(
        (await events.rest()).map(({ method }) => method ?? 'the end'),
        [...heard, 'the end'],
      );
    }),
  );
}

test(
  'listen omits from its acknowledgement what the server does not have',
  serving(
    async (client) => {
      const events = client.events(await listen(client, everything));
      assert.deepEqual((await events.message()).params?.notifications, { toolsListChanged: true });
      client.server.notify.promptsChanged();
      client.server.notify.resourceUpdated('test://watched-resource');
      client.server.notify.toolsChanged();
      assert.equal((await events.message()).method, 'notifications/tools/list_changed');
    },
    { features: [tool('one', { description: 'The only feature' }, () => 'a')] },
  ),
);

test(
  'each listen stream hears a change, under its own id, until it hangs up',
  serving(async (client) => {
    const streams = [
      client.events(await listen(client, { toolsListChanged: true }, 'a')),
      client.events(await listen(client, { toolsListChanged: true }, 'b')),
    ];
    for (const events of streams) await events.message();
    const trigger = await client.tellModern({ method: 'tools/call', params: { name: 'test_trigger_tool_change' } });
    assert.equal(trigger.result.isError, undefined);
    for (const [index, events] of streams.entries()) {
      assert.equal((await events.message()).params?._meta?.[SUBSCRIPTION], ['a', 'b'][index]);
    }
    await streams[0]?.cut();
    assert.deepEqual([client.server.stats().listening, client.server.stats().streams], [1, 1]);
    client.server.notify.toolsChanged();
    assert.equal((await streams[1]?.message())?.method, 'notifications/tools/list_changed');
  }),
);

const MISHEARD: [unknown, RegExp][] = [
  [undefined, /^"notifications" must be an object, got nothing$/],
  [null, /^"notifications" must be an object, got null$/],
  [['toolsListChanged'], /^"notifications" must be an object, got \["toolsListChanged"\]$/],
  [{ toolsListChanged: 'yes' }, /^"toolsListChanged" must be true or false, got "yes"$/],
  [{ promptsListChanged: 1 }, /^"promptsListChanged" must be true or false, got 1$/],
  [{ resourcesListChanged: null }, /^"resourcesListChanged" must be true or false, got null$/],
  [{ resourceSubscriptions: 'test://a' }, /^"resourceSubscriptions" must be a list of URIs, got "test:\/\/a"$/],
  [{ resourceSubscriptions: [1] }, /^"resourceSubscriptions" must be a list of URIs, got \[1\]$/],
  [{ resourceSubscriptions: null }, /^"resourceSubscriptions" must be a list of URIs, got null$/],
  [
    { resourceSubscriptions: ['test://1', 'test://2', 'test://3'] },
    /^A listen stream may watch at most 2 resources, got 3$/,
  ],
];
for (const [notifications, says] of MISHEARD) {
  test(
    `listen to ${JSON.stringify(notifications) ?? 'nothing'} answers -32602`,
    serving(
      async (client) => {
        refused(await read(await listen(client, notifications, id)), at(200, -32602, says));
        client.holdsNothing();
      },
      { env: { MCP_MAX_SUBSCRIPTIONS: 2 } },
    ),
  );
}

test(
  'listen that cannot take an event stream answers 406',
  serving(async (client) => {
    const answer = await read(await listen(client, everything, id, { accept: 'application/json' }));
    refused(answer, at(406, -32600, /^Accept must allow text\/event-stream, got "application\/json"$/));
    client.holdsNothing();
  }),
);

test(
  'listen above the bound of streams answers 503 with Retry-After, and is served once one is left',
  serving(
    async (client) => {
      const first = client.events(await listen(client, everything));
      const answer = await read(await listen(client, everything, id));
      refused(answer, at(503, -32603, /^All 1 streams are in use; try again later$/, { retryAfter_s: 5 }));
      assert.equal(answer.headers.get('retry-after'), '5');
      await first.cut();
      assert.equal(
        (await client.events(await listen(client, everything)).message()).method,
        'notifications/subscriptions/acknowledged',
      );
    },
    { env: { MCP_MAX_CONNECTIONS: 1 } },
  ),
);

test('a quiet listen stream is kept alive by comments', async () => {
  const clock = manualClock();
  await serving(
    async (client) => {
      const events = client.events(await listen(client, everything));
      await events.message();
      await clock.advance(24_000);
      assert.equal(events.comments.length, 3);
      assert.equal(events.received.length, 1);
      await events.cut();
      assert.equal(clock.pending, 0, 'no timer is left');
    },
    { clock, env: { MCP_HEARTBEAT: 8000 } },
  )();
});

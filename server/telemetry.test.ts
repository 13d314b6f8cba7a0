import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { copyFileSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { promisify } from 'node:util';
import { context, metrics, propagation, SpanKind, SpanStatusCode, trace } from '@opentelemetry/api';
import { AsyncLocalStorageContextManager } from '@opentelemetry/context-async-hooks';
import { CompositePropagator, W3CBaggagePropagator, W3CTraceContextPropagator } from '@opentelemetry/core';
import {
  AlwaysOffSampler,
  BasicTracerProvider,
  InMemorySpanExporter,
  type ReadableSpan,
  type Sampler,
  SimpleSpanProcessor,
} from '@opentelemetry/sdk-trace-base';
import { type Operation, type RequestSpan, type Telemetry, telemetry } from './telemetry.ts';

const SERVER = { name: 'test-server', version: '1.2.3' };
const CALL: Operation = { method: 'tools/call', tool: 'echo', headers: new Headers() };

interface Sdk {
  tracing: Telemetry;
  begin(operation?: Partial<Operation>): RequestSpan;
  /** Those that ended so far. */
  spans(): Promise<ReadableSpan[]>;
  /** Begins and ends one span. */
  span(operation: Partial<Operation>, ...end: Parameters<RequestSpan['end']>): Promise<ReadableSpan>;
}

function register(sampler?: Sampler): { spans: Sdk['spans'] } {
  const exporter = new InMemorySpanExporter();
  const provider = new BasicTracerProvider({
    spanProcessors: [new SimpleSpanProcessor(exporter)],
    ...(sampler && { sampler }),
  });
  trace.setGlobalTracerProvider(provider);
  context.setGlobalContextManager(new AsyncLocalStorageContextManager().enable());
  propagation.setGlobalPropagator(
    new CompositePropagator({ propagators: [new W3CTraceContextPropagator(), new W3CBaggagePropagator()] }),
  );
  const spans = async () => {
    await provider.forceFlush();
    return exporter.getFinishedSpans();
  };
  return { spans };
}

function unregister(): void {
  for (const api of [trace, context, propagation, metrics]) api.disable();
}

/** Runs a test with an SDK registered. */
async function traced(run: (sdk: Sdk) => Promise<void>, sampler?: Sampler): Promise<void> {
  const { spans } = register(sampler);
  try {
    const tracing = telemetry(SERVER);
    await tracing.loaded();
    const begin = (operation: Partial<Operation> = {}) => {
      const span = tracing.begin({ ...CALL, ...operation });
      assert.ok(span);
      return span;
    };
    await run({
      tracing,
      begin,
      spans,
      async span(operation, ...end) {
        begin(operation).end(...end);
        const last = (await spans()).at(-1);
        assert.ok(last);
        return last;
      },
    });
  } finally {
    unregister();
  }
}

const TRACE = '4bf92f3577b34da6a3ce929d0e0e4736';
const OTHER = '0af7651916cd43dd8448eb211c80319c';
const PARENT = '00f067aa0ba902b7';
const traceparent = (traceId: string) => `00-${traceId}-${PARENT}-01`;

// ---- without an SDK --------------------------------------------------------------------------------

/** Runs a test with a copy of the module from where the API cannot be found. */
async function withoutApi(run: (copy: typeof telemetry) => Promise<void>): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'telemetry-'));
  try {
    mkdirSync(join(folder, 'node_modules'));
    for (const name of ['telemetry.ts', 'log.ts']) copyFileSync(new URL(name, import.meta.url), join(folder, name));
    const copy: { telemetry: typeof telemetry } = await import(pathToFileURL(join(folder, 'telemetry.ts')).href);
    await run(copy.telemetry);
  } finally {
    rmSync(folder, { recursive: true });
  }
}

test('where no SDK is registered there is no span, and the API is not loaded', async () => {
  await withoutApi(async (copy) => {
    const reports: unknown[] = [];
    const tracing = copy({ ...SERVER, report: (error) => reports.push(error) });
    assert.equal(tracing.begin(CALL), undefined);
    await tracing.loaded();
    assert.equal(tracing.begin(CALL), undefined);
    assert.deepEqual(reports, []);
  });
});

test('an SDK without the API where the server is: said once, and calls go on', async () => {
  await withoutApi(async (copy) => {
    register();
    try {
      const reports: string[] = [];
      const tracing = copy({ ...SERVER, report: (_error, during) => reports.push(during) });
      for (let i = 0; i < 3; i++) {
        assert.equal(tracing.begin(CALL), undefined);
        await tracing.loaded();
      }
      assert.deepEqual(reports, ['loading @opentelemetry/api']);
    } finally {
      unregister();
    }
  });
});

test('an SDK that has no tracer provider makes no spans', async () => {
  propagation.setGlobalPropagator(new W3CTraceContextPropagator());
  try {
    const tracing = telemetry(SERVER);
    await tracing.loaded();
    assert.equal(tracing.begin(CALL), undefined);
  } finally {
    unregister();
  }
});

test('an SDK that is there before the server has a span for the first call', async () => {
  const { spans } = register();
  try {
    const tracing = telemetry(SERVER);
    await import('@opentelemetry/api');
    tracing.begin(CALL)?.end('ok');
    assert.equal((await spans()).length, 1);
  } finally {
    unregister();
  }
});

test('an SDK that is registered later is seen, one that is removed is gone, another takes its place', async () => {
  const tracing = telemetry(SERVER);
  await tracing.loaded();
  assert.equal(tracing.begin(CALL), undefined);
  for (let round = 0; round < 2; round++) {
    const { spans } = register();
    try {
      await tracing.loaded();
      tracing.begin(CALL)?.end('ok');
      assert.equal((await spans()).length, 1);
    } finally {
      unregister();
    }
    assert.equal(tracing.begin(CALL), undefined);
  }
});

// ---- what a span says ------------------------------------------------------------------------------

const TRANSPORT = { 'network.transport': 'tcp', 'network.protocol.name': 'http' };

test('a tool call: name, kind, scope and attributes', async () => {
  await traced(async ({ span }) => {
    const seen = await span(
      { id: 7, revision: '2025-11-25', session: 'user-1 nonce', address: '203.0.113.9', port: 4711 },
      'ok',
    );
    assert.equal(seen.name, 'tools/call echo');
    assert.equal(seen.kind, SpanKind.SERVER);
    assert.deepEqual({ ...seen.instrumentationScope }, { ...SERVER, schemaUrl: undefined });
    assert.deepEqual(seen.status, { code: SpanStatusCode.UNSET });
    assert.deepEqual(seen.links, []);
    assert.deepEqual(seen.attributes, {
      ...TRANSPORT,
      'mcp.method.name': 'tools/call',
      'mcp.protocol.version': '2025-11-25',
      'mcp.session.id': 'user-1 nonce',
      'jsonrpc.request.id': '7',
      'gen_ai.operation.name': 'execute_tool',
      'gen_ai.tool.name': 'echo',
      'client.address': '203.0.113.9',
      'client.port': 4711,
    });
  });
});

test('a prompt names its span, a resource does not, a notification has no id', async () => {
  await traced(async ({ span }) => {
    const prompt = await span({ method: 'prompts/get', tool: undefined, prompt: 'trip', id: 'a' }, 'ok');
    const read = await span({ method: 'resources/read', tool: undefined, uri: 'weather://forecast/Graz', id: 0 }, 'ok');
    const told = await span({ method: 'notifications/initialized', tool: undefined }, 'ok');
    assert.deepEqual(
      [prompt, read, told].map(({ name, attributes }) => ({ name, attributes })),
      [
        {
          name: 'prompts/get trip',
          attributes: {
            ...TRANSPORT,
            'mcp.method.name': 'prompts/get',
            'gen_ai.prompt.name': 'trip',
            'jsonrpc.request.id': 'a',
          },
        },
        {
          name: 'resources/read',
          attributes: {
            ...TRANSPORT,
            'mcp.method.name': 'resources/read',
            'mcp.resource.uri': 'weather://forecast/Graz',
            'jsonrpc.request.id': '0',
          },
        },
        {
          name: 'notifications/initialized',
          attributes: { ...TRANSPORT, 'mcp.method.name': 'notifications/initialized' },
        },
      ],
    );
  });
});

type End = Parameters<RequestSpan['end']>;
/** How it ends, then `error.type`, `rpc.response.status_code` and the description of an error. */
const ENDS: [End, string | undefined, string | undefined, string | undefined][] = [
  [['ok'], undefined, undefined, undefined],
  [['input_required'], undefined, undefined, undefined],
  [['cancelled'], undefined, undefined, undefined],
  [['tool_error'], 'tool_error', undefined, undefined],
  [['tool_error', undefined, 'No such city'], 'tool_error', undefined, 'No such city'],
  [['timeout'], 'timeout', undefined, undefined],
  [['error', -32603, 'Internal error (c-1)'], '-32603', '-32603', 'Internal error (c-1)'],
  [['error', -32021, 'Missing capability'], '-32021', '-32021', 'Missing capability'],
  [['error', -32602, 'Unknown tool'], undefined, '-32602', undefined],
  [['error', -32601, 'Unknown method'], undefined, '-32601', undefined],
  [['error', -32002, 'Unknown resource'], undefined, '-32002', undefined],
];
for (const [end, type, code, description] of ENDS) {
  test(`a call that ends with ${end.join(' ')} is ${type === undefined ? 'no error' : `an error of type ${type}`}`, async () => {
    await traced(async ({ span }) => {
      const { status, attributes, events } = await span({}, ...end);
      assert.equal(status.code, type === undefined ? SpanStatusCode.UNSET : SpanStatusCode.ERROR);
      assert.equal(status.message, description);
      assert.equal(attributes['error.type'], type);
      assert.equal(attributes['rpc.response.status_code'], code);
      assert.deepEqual(
        events.map(({ name }) => name),
        end[0] === 'cancelled' ? ['cancelled'] : [],
      );
    });
  });
}

test('a span ends once', async () => {
  await traced(async ({ begin, spans }) => {
    const span = begin();
    span.end('ok');
    span.end('timeout');
    const [seen, ...more] = await spans();
    assert.deepEqual(more, []);
    assert.equal(seen?.status.code, SpanStatusCode.UNSET);
  });
});

test('what a client chooses is cut, and no credential leaves', async () => {
  await traced(async ({ span }) => {
    const { attributes, status } = await span(
      { uri: `https://user:hunter2@a.example/?token=hunter2&${'x'.repeat(1000)}`, id: 'i'.repeat(1000) },
      'error',
      -32603,
      `Bearer hunter2 ${'x'.repeat(1000)}`,
    );
    for (const text of [attributes['mcp.resource.uri'], attributes['jsonrpc.request.id'], status.message]) {
      assert.ok(!String(text).includes('hunter2'), String(text));
      assert.equal(String(text).length, 257);
    }
  });
});

// ---- its parent ------------------------------------------------------------------------------------

const bothHeaders = () =>
  new Headers({ traceparent: traceparent(OTHER), tracestate: 'a=header', baggage: 'who=header' });

test('the parent is what _meta tells, else what the headers tell, else there is none', async () => {
  await traced(async ({ span }) => {
    const meta = { traceparent: traceparent(TRACE), tracestate: 'a=meta' };
    const cases: [Partial<Operation>, string | undefined, string | undefined][] = [
      [{ meta, headers: bothHeaders() }, TRACE, 'a=meta'],
      [{ meta: { traceparent: traceparent(TRACE) }, headers: bothHeaders() }, TRACE, undefined],
      [{ meta: {}, headers: bothHeaders() }, OTHER, 'a=header'],
      [{ headers: bothHeaders() }, OTHER, 'a=header'],
      [{ meta: { traceparent: 'no trace' }, headers: bothHeaders() }, OTHER, 'a=header'],
      [{ meta: { traceparent: 7 }, headers: bothHeaders() }, OTHER, 'a=header'],
      [{ meta: { baggage: 7 }, headers: bothHeaders() }, OTHER, 'a=header'],
      [{ meta: { tracestate: 'a=meta' } }, undefined, undefined],
      [{ headers: new Headers({ traceparent: 'no trace' }) }, undefined, undefined],
    ];
    for (const [operation, traceId, state] of cases) {
      const seen = await span(operation, 'ok');
      const { parentSpanContext } = seen;
      assert.equal(parentSpanContext?.traceId, traceId, JSON.stringify(operation.meta));
      assert.equal(parentSpanContext?.traceState?.serialize(), state);
      if (traceId !== undefined) {
        assert.equal(parentSpanContext?.spanId, PARENT);
        assert.equal(seen.spanContext().traceId, traceId);
      }
    }
  });
});

test('baggage of _meta wins over that of the headers', async () => {
  await traced(async ({ begin }) => {
    const who = (operation: Partial<Operation>) =>
      begin(operation).run(() => propagation.getActiveBaggage()?.getEntry('who')?.value);
    const meta = { traceparent: traceparent(TRACE), baggage: 'who=meta' };
    assert.equal(who({ meta, headers: bothHeaders() }), 'meta');
    assert.equal(who({ meta: { baggage: 'who=meta' }, headers: bothHeaders() }), 'meta');
    assert.equal(who({ headers: bothHeaders() }), 'header');
    assert.equal(who({}), undefined);
  });
});

test('an ambient span is the parent where _meta names none, else it is linked', async () => {
  await traced(async ({ span }) => {
    const http = trace.getTracer('http').startSpan('POST /mcp');
    await context.with(trace.setSpan(context.active(), http), async () => {
      const within = await span({ headers: bothHeaders() }, 'ok');
      assert.equal(within.parentSpanContext?.spanId, http.spanContext().spanId);
      assert.deepEqual(within.links, []);
      const remote = await span({ meta: { traceparent: traceparent(TRACE) } }, 'ok');
      assert.equal(remote.parentSpanContext?.spanId, PARENT);
      assert.deepEqual(
        remote.links.map((link) => link.context.spanId),
        [http.spanContext().spanId],
      );
    });
  });
});

// ---- the handler -----------------------------------------------------------------------------------

test('the span is active in the handler, across awaits, and for each request its own', async () => {
  await traced(async ({ begin, spans }) => {
    const serve = async (n: number) => {
      const span = begin({ id: n });
      const value = await span.run(async () => {
        for (let i = 0; i < n; i++) await new Promise((resolve) => setTimeout(resolve, 1));
        trace.getTracer('tool').startSpan(`step of ${n}`).end();
        return n * 2;
      });
      span.end('ok');
      return value;
    };
    assert.deepEqual(await Promise.all([serve(1), serve(2), serve(3)]), [2, 4, 6]);
    const all = await spans();
    assert.equal(all.length, 6);
    for (const n of [1, 2, 3]) {
      const request = all.find(({ attributes }) => attributes['jsonrpc.request.id'] === String(n));
      const step = all.find(({ name }) => name === `step of ${n}`);
      assert.equal(step?.parentSpanContext?.spanId, request?.spanContext().spanId);
    }
    const failure = new Error('from the handler');
    const failing = begin();
    assert.throws(
      () =>
        failing.run(() => {
          throw failure;
        }),
      failure,
    );
  });
});

test('inject names the span itself, with what came with its parent', async () => {
  await traced(async ({ begin, spans }) => {
    const meta = { traceparent: traceparent(TRACE), tracestate: 'a=meta', baggage: 'who=meta' };
    const span = begin({ meta });
    const headers = new Headers({ accept: 'text/plain' });
    span.inject(headers);
    span.end('ok');
    const own = (await spans())[0]?.spanContext();
    assert.deepEqual(Object.fromEntries(headers), {
      accept: 'text/plain',
      traceparent: `00-${TRACE}-${own?.spanId}-01`,
      tracestate: 'a=meta',
      baggage: 'who=meta',
    });
    assert.equal(span.traceId, TRACE);
  });
});

test('inject names the span that the handler began, but none of another request', async () => {
  await traced(async ({ begin }) => {
    const injected = (span: RequestSpan) => {
      const headers = new Headers();
      span.inject(headers);
      return headers.get('traceparent')?.split('-')[2];
    };
    const [one, two] = [begin(), begin()];
    const own = injected(one);
    assert.equal(
      one.run(() => injected(one)),
      own,
    );
    assert.equal(
      two.run(() => injected(one)),
      own,
    );
    one.run(() =>
      trace.getTracer('tool').startActiveSpan('step', (step) => {
        assert.equal(injected(one), step.spanContext().spanId);
        step.end();
      }),
    );
  });
});

test('headers that name a trace stay as they are', async () => {
  await traced(async ({ begin }) => {
    const headers = new Headers({ traceparent: traceparent(OTHER) });
    begin({ meta: { traceparent: traceparent(TRACE), tracestate: 'a=meta' } }).inject(headers);
    assert.deepEqual(Object.fromEntries(headers), { traceparent: traceparent(OTHER) });
  });
});

test('nothing is injected where fetch adds trace context by itself', async () => {
  await traced(async () => {
    const tracing = telemetry({ ...SERVER, tracedFetch: () => true });
    await tracing.loaded();
    const headers = new Headers();
    tracing.begin(CALL)?.inject(headers);
    assert.deepEqual(Object.fromEntries(headers), {});
  });
});

if ('Deno' in globalThis) {
  test('Deno’s own OpenTelemetry gets the span, and a request of the handler names one trace', async () => {
    const script = `
      import { telemetry } from ${JSON.stringify(new URL('telemetry.ts', import.meta.url))};
      const tracing = telemetry({ name: 'test-server', version: '1.2.3' });
      await tracing.loaded();
      const meta = { traceparent: '${traceparent(TRACE)}' };
      const span = tracing.begin({ method: 'tools/call', tool: 'echo', headers: new Headers(), meta });
      const upstream = Deno.serve({ port: 0, onListen() {} }, ({ headers }) => new Response(headers.get('traceparent')));
      const headers = new Headers();
      const told = await span.run(async () => {
        span.inject(headers);
        return (await fetch('http://127.0.0.1:' + upstream.addr.port, { headers })).text();
      });
      span.end('ok');
      await upstream.shutdown();
      Deno.stdout.writeSync(new TextEncoder().encode('told ' + told + '\\n'));`;
    const env = { ...process.env, OTEL_DENO: 'true', OTEL_EXPORTER_OTLP_PROTOCOL: 'console', NO_COLOR: '1' };
    const cwd = fileURLToPath(new URL('../', import.meta.url));
    const { stdout, stderr } = await promisify(execFile)(process.execPath, ['eval', script], { env, cwd });
    const output = stdout + stderr;
    assert.match(output, new RegExp(`^told 00-${TRACE}-[0-9a-f]{16}-01$`, 'm'));
    assert.match(output, new RegExp(`^SPAN tools/call echo \\[${TRACE}/`, 'm'));
  });
}

test('a span that is not sampled says so to whom the handler calls', async () => {
  await traced(async ({ begin, spans }) => {
    const span = begin({ meta: { traceparent: traceparent(TRACE) } });
    const headers = new Headers();
    span.run(() => span.inject(headers));
    span.end('tool_error');
    assert.match(String(headers.get('traceparent')), new RegExp(`^00-${TRACE}-[0-9a-f]{16}-00$`));
    assert.deepEqual(await spans(), []);
  }, new AlwaysOffSampler());
});

import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { metrics, prefersOpenMetrics, type Readings, serverMetrics } from './metrics.ts';

function lines(text: string, containing: string): string[] {
  return text.split('\n').filter((line) => line.includes(containing));
}

// ---- the engine ----------------------------------------------------------------------------------

/** One of each kind. */
function some() {
  const all = metrics();
  const requests = all.counter('x_requests_total', 'Requests', ['method']);
  const duration = all.histogram('x_duration_seconds', 'Time', ['tool'], [0.5, 1, 10]);
  all.gauge('x_size_bytes', 'Size', () => 42);
  all.observableCounter('x_cpu_seconds_total', 'CPU', () => 1.5);
  all.info('x_build_info', 'Build', { version: '1.2' });
  requests.labels('GET').inc();
  requests.labels('GET').inc(2);
  for (const seconds of [0.5, 0.6, 1, 11]) duration.labels('echo').observe(seconds);
  return all;
}

test('text 0.0.4 has each kind as Prometheus expects it', () => {
  assert.equal(
    some().text(false),
    `# HELP x_requests_total Requests
# TYPE x_requests_total counter
x_requests_total{method="GET"} 3
# HELP x_duration_seconds Time
# TYPE x_duration_seconds histogram
x_duration_seconds_bucket{tool="echo",le="0.5"} 1
x_duration_seconds_bucket{tool="echo",le="1"} 3
x_duration_seconds_bucket{tool="echo",le="10"} 3
x_duration_seconds_bucket{tool="echo",le="+Inf"} 4
x_duration_seconds_sum{tool="echo"} 13.1
x_duration_seconds_count{tool="echo"} 4
# HELP x_size_bytes Size
# TYPE x_size_bytes gauge
x_size_bytes 42
# HELP x_cpu_seconds_total CPU
# TYPE x_cpu_seconds_total counter
x_cpu_seconds_total 1.5
# HELP x_build_info Build
# TYPE x_build_info gauge
x_build_info{version="1.2"} 1
`,
  );
});

test('OpenMetrics names families without the suffix of their samples, says units, and ends', () => {
  assert.equal(
    some().text(true),
    `# HELP x_requests Requests
# TYPE x_requests counter
x_requests_total{method="GET"} 3
# HELP x_duration_seconds Time
# TYPE x_duration_seconds histogram
# UNIT x_duration_seconds seconds
x_duration_seconds_bucket{tool="echo",le="0.5"} 1
x_duration_seconds_bucket{tool="echo",le="1.0"} 3
x_duration_seconds_bucket{tool="echo",le="10.0"} 3
x_duration_seconds_bucket{tool="echo",le="+Inf"} 4
x_duration_seconds_sum{tool="echo"} 13.1
x_duration_seconds_count{tool="echo"} 4
# HELP x_size_bytes Size
# TYPE x_size_bytes gauge
# UNIT x_size_bytes bytes
x_size_bytes 42
# HELP x_cpu_seconds CPU
# TYPE x_cpu_seconds counter
# UNIT x_cpu_seconds seconds
x_cpu_seconds_total 1.5
# HELP x_build Build
# TYPE x_build info
x_build_info{version="1.2"} 1
# EOF
`,
  );
});

test('a histogram without labels has le alone', () => {
  const all = metrics();
  all.histogram('x_seconds', 'X', [], [1]).labels().observe(2);
  assert.deepEqual(all.text(false).split('\n').slice(2, 6), [
    'x_seconds_bucket{le="1"} 0',
    'x_seconds_bucket{le="+Inf"} 1',
    'x_seconds_sum 2',
    'x_seconds_count 1',
  ]);
});

test('a label value comes back as it was, whatever it is, and stays on its line', () => {
  const original = (text: string) => text.replace(/\\(.)/g, (_, one) => (one === 'n' ? '\n' : one));
  fc.assert(
    fc.property(fc.string({ unit: 'binary' }), (value) => {
      const all = metrics();
      all.counter('x_total', 'X', ['a', 'b']).labels(value, 'end').inc();
      const line = all.text(false).split('\n').slice(2, -1).join('\n');
      const [, told = '?'] = /^x_total\{a="((?:[^"\\\n]|\\[n"\\])*)",b="end"\} 1$/.exec(line) ?? [];
      assert.equal(original(told), value.toWellFormed());
    }),
  );
});

test('two values that are the same once sent are one series', () => {
  const all = metrics();
  const family = all.counter('x_total', 'X', ['a']);
  family.labels('\ud800').inc();
  family.labels('\udfff').inc();
  assert.deepEqual(lines(all.text(false), 'x_total{'), ['x_total{a="\ufffd"} 2']);
});

test('help is escaped, quotes in OpenMetrics alone', () => {
  const all = metrics();
  all.gauge('x', 'a "b"\n\\', () => 1);
  assert.match(all.text(false), /^# HELP x a "b"\\n\\\\\n/);
  assert.match(all.text(true), /^# HELP x a \\"b\\"\\n\\\\\n/);
});

test('values outside the finite are spelled as Prometheus reads them', () => {
  const all = metrics();
  const values = { up: Number.POSITIVE_INFINITY, down: Number.NEGATIVE_INFINITY, none: Number.NaN, large: 1e21 };
  all.gauge('x', 'X', () => Object.entries(values).map(([kind, value]) => [{ kind }, value] as const));
  assert.deepEqual(lines(all.text(false), 'x{'), [
    'x{kind="up"} +Inf',
    'x{kind="down"} -Inf',
    'x{kind="none"} NaN',
    'x{kind="large"} 1e+21',
  ]);
});

test('past the bound all other label values are counted in one series, and known ones stay', () => {
  const all = metrics(3);
  const family = all.counter('x_total', 'X', ['a', 'b']);
  for (let i = 0; i < 100; i++) family.labels(`v${i}`, 'b').inc();
  family.labels('v0', 'b').inc();
  assert.deepEqual(lines(all.text(false), 'x_total{'), [
    'x_total{a="v0",b="b"} 2',
    'x_total{a="v1",b="b"} 1',
    'x_total{a="v2",b="b"} 1',
    'x_total{a="other",b="other"} 97',
  ]);
});

test('a series is the same for the same labels', () => {
  const family = metrics().counter('x_total', 'X', ['a']);
  assert.equal(family.labels('1'), family.labels('1'));
  assert.notEqual(family.labels('1'), family.labels('2'));
});

test('a metric without a series, or whose reading is absent, is not told', () => {
  const all = metrics();
  all.counter('x_total', 'X', ['a']);
  all.gauge('y', 'Y', () => undefined);
  all.gauge('z', 'Z', () => []);
  assert.equal(all.text(false), '');
  assert.equal(all.text(true), '# EOF\n');
});

test('names that are none, or are taken, are refused by name', () => {
  const all = metrics();
  all.gauge('x', 'X', () => 1);
  assert.throws(() => all.gauge('x', 'X', () => 1), /The metric x is there already/);
  assert.throws(() => all.gauge('a-b', 'X', () => 1), /"a-b" is no name/);
  assert.throws(() => all.counter('x_count', 'X', []), /"x_count" .* ends in "_total"/);
  assert.throws(() => all.info('x_build', 'X', {}), /"x_build" .* ends in "_info"/);
  assert.throws(() => all.counter('y_total', 'X', ['a b']), /"a b" of y_total/);
  assert.throws(() => all.histogram('y', 'X', ['le'], [1]), /"le" of y/);
  assert.throws(() => all.histogram('y', 'X', [], [1, 1]), /The buckets of y must rise, got 1, 1/);
});

// ---- which text ----------------------------------------------------------------------------------

const ACCEPTED: [accept: string | null, openMetrics: boolean, whose: string][] = [
  [null, false, 'nobody'],
  ['*/*', false, 'curl'],
  ['text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8', false, 'a browser'],
  [
    'application/openmetrics-text;version=1.0.0,application/openmetrics-text;version=0.0.1;q=0.75,text/plain;version=0.0.4;q=0.5,*/*;q=0.1',
    true,
    'Prometheus 2.42',
  ],
  [
    'application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.6,application/openmetrics-text;version=0.0.1;q=0.5,text/plain;version=1.0.0;escaping=allow-utf-8;q=0.4,text/plain;version=0.0.4;q=0.3,*/*;q=0.2',
    true,
    'Prometheus 3',
  ],
  ['application/openmetrics-text', true, 'who wants nothing else'],
  ['Application/OpenMetrics-Text; Version=1.0.0', true, 'who writes capitals'],
  ['application/openmetrics-text; version=0.0.1', false, 'who knows only the draft'],
  ['application/openmetrics-text;q=0', false, 'who refuses it'],
  ['application/openmetrics-text;q=0.1, text/plain', false, 'who prefers text'],
  ['application/openmetrics-text;q=x', false, 'who writes no weight'],
];
for (const [accept, openMetrics, whose] of ACCEPTED) {
  test(`${openMetrics ? 'OpenMetrics' : 'text'} is for ${whose}`, () => {
    assert.equal(prefersOpenMetrics(accept), openMetrics);
  });
}

// ---- this server's -------------------------------------------------------------------------------

function serving(read: () => Readings | Promise<Readings> = () => ({}), tools = ['echo', 'ping']) {
  return serverMetrics({ name: 'test', version: '1', runtime: 'node', tools, read });
}

test('a call is counted by era, method, tool and outcome, and its duration by the names of the conventions', async () => {
  const server = serving();
  for (let i = 0; i < 2; i++) server.call('stateful', '2025-11-25', 'tools/call', 'echo', 'ok', undefined, 0.015);
  server.call('stateless', '2026-07-28', 'tools/call', 'echo', 'tool_error', 'tool_error', 0.25);
  server.call('stateless', '2026-07-28', 'resources/read', '', 'error', '-32602', 0);
  const text = await server.text(false);
  assert.deepEqual(lines(text, 'mcp_requests_total{'), [
    'mcp_requests_total{era="stateful",method="tools/call",tool="echo",outcome="ok"} 2',
    'mcp_requests_total{era="stateless",method="tools/call",tool="echo",outcome="tool_error"} 1',
    'mcp_requests_total{era="stateless",method="resources/read",tool="",outcome="error"} 1',
  ]);
  const ok = 'mcp_method_name="tools/call",gen_ai_tool_name="echo",error_type="",mcp_protocol_version="2025-11-25"';
  const buckets = lines(text, `mcp_server_operation_duration_seconds_bucket{${ok}`).map((line) =>
    /le="(.*)"\} (\d+)$/.exec(line)?.slice(1),
  );
  const bounds = ['0.01', '0.02', '0.05', '0.1', '0.2', '0.5', '1', '2', '5', '10', '30', '60', '120', '300', '+Inf'];
  assert.deepEqual(
    buckets,
    bounds.map((bound, at) => [bound, at === 0 ? '0' : '2']),
  );
  assert.deepEqual(lines(text, `_sum{${ok}`), [`mcp_server_operation_duration_seconds_sum{${ok}} 0.03`]);
  assert.equal(
    lines(text, '_count{mcp_method_name="tools/call",gen_ai_tool_name="echo",error_type="tool_error"').length,
    1,
  );
  assert.equal(
    lines(text, '_count{mcp_method_name="resources/read",gen_ai_tool_name="",error_type="-32602"').length,
    1,
  );
});

test('calls that differ in one thing alone are counted apart', async () => {
  const server = serving();
  const ways: Parameters<typeof server.call>[] = [
    ['stateful', '2025-11-25', 'tools/call', 'echo', 'ok', undefined, 0],
    ['stateful', '2025-06-18', 'tools/call', 'echo', 'ok', undefined, 0],
    ['stateless', '2025-11-25', 'tools/call', 'echo', 'ok', undefined, 0],
    ['stateful', '2025-11-25', 'tools/call', 'echo', 'cancelled', undefined, 0],
    ['stateful', '2025-11-25', 'tools/call', 'echo', 'ok', '-1', 0],
    ['stateful', '2025-11-25', 'tools/call', 'ping', 'ok', undefined, 0],
    ['stateful', '2025-11-25', 'tools/list', '', 'ok', undefined, 0],
  ];
  for (let round = 0; round < 2; round++) for (const way of ways) server.call(...way);
  const text = await server.text(false);
  assert.deepEqual(lines(text, 'mcp_requests_total{'), [
    'mcp_requests_total{era="stateful",method="tools/call",tool="echo",outcome="ok"} 6',
    'mcp_requests_total{era="stateless",method="tools/call",tool="echo",outcome="ok"} 2',
    'mcp_requests_total{era="stateful",method="tools/call",tool="echo",outcome="cancelled"} 2',
    'mcp_requests_total{era="stateful",method="tools/call",tool="ping",outcome="ok"} 2',
    'mcp_requests_total{era="stateful",method="tools/list",tool="",outcome="ok"} 2',
  ]);
  const counts = lines(text, '_count{').map((line) =>
    /name="(.*?)",error_type="(.*?)",.*="(.*)"\} (.*)/.exec(line)?.slice(1),
  );
  assert.deepEqual(counts, [
    ['tools/call",gen_ai_tool_name="echo', '', '2025-11-25', '6'],
    ['tools/call",gen_ai_tool_name="echo', '', '2025-06-18', '2'],
    ['tools/call",gen_ai_tool_name="echo', '-1', '2025-11-25', '2'],
    ['tools/call",gen_ai_tool_name="ping', '', '2025-11-25', '2'],
    ['tools/list",gen_ai_tool_name="', '', '2025-11-25', '2'],
  ]);
});

test('a tool that has the name of a method is not the method', async () => {
  const server = serving();
  for (let i = 0; i < 2; i++) {
    server.call('stateful', '2025-11-25', 'ping', '', 'ok', undefined, 0);
    server.call('stateful', '2025-11-25', 'tools/call', 'ping', 'ok', undefined, 0);
    server.call('stateful', '2025-11-25', 'echo', '', 'error', '-32601', 0);
  }
  assert.deepEqual(lines(await server.text(false), 'mcp_requests_total{'), [
    'mcp_requests_total{era="stateful",method="ping",tool="",outcome="ok"} 2',
    'mcp_requests_total{era="stateful",method="tools/call",tool="ping",outcome="ok"} 2',
    'mcp_requests_total{era="stateful",method="other",tool="",outcome="error"} 2',
  ]);
});

test('what clients make up is told in a few series', async () => {
  const server = serving();
  for (let i = 0; i < 5000; i++) {
    server.call('stateless', `rev-${i}`, `method-${i}`, '', 'error', '-32601', 0);
    server.call('stateful', '2025-11-25', 'tools/call', `tool-${i}`, 'error', '-32602', 0);
    server.call('stateful', '2025-11-25', 'tools/call', 'echo', 'error', `${i}`, 0);
    server.response(`VERB-${i}`, 405);
  }
  const text = await server.text(false);
  assert.deepEqual(lines(text, 'mcp_requests_total{'), [
    'mcp_requests_total{era="stateless",method="other",tool="",outcome="error"} 5000',
    'mcp_requests_total{era="stateful",method="tools/call",tool="unknown",outcome="error"} 5000',
    'mcp_requests_total{era="stateful",method="tools/call",tool="echo",outcome="error"} 5000',
  ]);
  assert.deepEqual(lines(text, 'mcp_http_responses_total{'), [
    'mcp_http_responses_total{method="other",status="405"} 5000',
  ]);
  const counts = lines(text, 'mcp_server_operation_duration_seconds_count{').map((line) =>
    Number(line.split(' ').at(-1)),
  );
  assert.ok(counts.length <= 53, `${counts.length} series of durations`);
  assert.equal(
    counts.reduce((sum, count) => sum + count, 0),
    15_000,
  );
  assert.equal(
    lines(text, '_count{mcp_method_name="tools/call",gen_ai_tool_name="echo",error_type="_OTHER"').length,
    1,
  );
});

test('every tool has its series, however many are served', async () => {
  const tools = Array.from({ length: 1500 }, (_, at) => `tool-${at}`);
  const server = serving(undefined, tools);
  for (const tool of tools) server.call('stateful', '2025-11-25', 'tools/call', tool, 'ok', undefined, 0);
  const text = await server.text(false);
  assert.equal(lines(text, 'mcp_requests_total{').length, 1500);
  assert.equal(lines(text, 'tool="other"').length, 0);
});

test('a clock that was set back makes no duration negative', async () => {
  const server = serving();
  server.call('stateful', '2025-11-25', 'ping', '', 'ok', undefined, -5);
  server.sessionEnded('idle', '2025-11-25', -5);
  for (const line of lines(await server.text(false), '_seconds_sum')) assert.match(line, / 0$/);
});

test('responses, sessions and refusals are counted by what they were', async () => {
  const server = serving();
  server.response('POST', 200);
  server.response('POST', 200);
  server.response('POST', 429);
  server.sessionBegun();
  server.sessionEnded('deleted', '2025-06-18', 90);
  server.rateLimited('calls');
  server.shed('lag');
  const text = await server.text(false);
  for (const line of [
    'mcp_http_responses_total{method="POST",status="200"} 2',
    'mcp_http_responses_total{method="POST",status="429"} 1',
    'mcp_sessions_begun_total 1',
    'mcp_sessions_ended_total{reason="deleted"} 1',
    'mcp_server_session_duration_seconds_bucket{mcp_protocol_version="2025-06-18",le="60"} 0',
    'mcp_server_session_duration_seconds_bucket{mcp_protocol_version="2025-06-18",le="120"} 1',
    'mcp_rate_limited_total{budget="calls"} 1',
    'mcp_shed_total{reason="lag"} 1',
    'mcp_build_info{name="test",version="1",runtime="node"} 1',
  ]) {
    assert.ok(text.includes(`\n${line}\n`), `${line} is missing in\n${text}`);
  }
});

test('what can be refused or end is told as 0 before it was', async () => {
  const text = await serving().text(false);
  for (const line of [
    'mcp_sessions_begun_total 0',
    'mcp_sessions_ended_total{reason="deleted"} 0',
    'mcp_rate_limited_total{budget="tool"} 0',
    'mcp_shed_total{reason="lag"} 0',
  ]) {
    assert.ok(text.includes(`\n${line}\n`), `${line} is missing in\n${text}`);
  }
});

test('readings are asked for once a text, in their units; absent ones are not told', async () => {
  let asked = 0;
  const server = serving(async () => {
    asked++;
    return { sessions: asked, unauthorized: { missing: 2, expired: 1 }, lag_ms: 250, draining: true, cpu_seconds: 1.5 };
  });
  await server.text(false);
  const text = await server.text(false);
  assert.equal(asked, 2);
  for (const line of [
    'mcp_sessions 2',
    'mcp_auth_failures_total{reason="missing"} 2',
    'mcp_auth_failures_total{reason="expired"} 1',
    'mcp_event_loop_lag_seconds 0.25',
    'mcp_draining 1',
    'process_cpu_seconds_total 1.5',
  ]) {
    assert.ok(text.includes(`\n${line}\n`), `${line} is missing in\n${text}`);
  }
  assert.doesNotMatch(text, /process_resident_memory_bytes|mcp_calls_running/);
});

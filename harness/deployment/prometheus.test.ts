/** What an operator is given, with a real Prometheus: the example configuration, the alerts, each query of the dashboard. */

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { eventually } from '../clients/eventually.ts';
import type { Runtime } from '../runtimes/start.ts';
import { OPERATIONS, type Prometheus, promtool, type Series, startPrometheus } from './prometheus.ts';
import { type Busy, startBusy } from './traffic.ts';

const RUNTIMES: readonly Runtime[] = ['node', 'bun', 'deno'];
const METRICS_TOKEN = 'a token of the operator';
/** What a healthy server under this traffic never has; the dashboard still draws a line, at 0. */
const QUIET =
  /mcp_(questions_open|slow_readers_closed_total|events_dropped_total|jwks_fetch_failures_total|draining)\b/;

interface Dashboard {
  panels: { type: string; title: string; targets?: { expr: string; legendFormat?: string }[] }[];
}
const { panels } = JSON.parse(readFileSync(join(OPERATIONS, 'grafana.json'), 'utf8')) as Dashboard;
const queries = panels.flatMap(({ title, targets = [] }) => targets.map(({ expr }) => ({ title, expr })));

/** A query as Grafana would send it for one instance. */
const filled = (expr: string, instance: string) =>
  expr
    .replaceAll('$__rate_interval', '4s')
    .replaceAll('$job', 'mcp')
    .replaceAll('$instance', instance)
    .replaceAll('$tool', '.+');

test('promtool finds nothing wrong with the example configuration and the alerts', async () => {
  for (const [what, name] of [
    ['config', 'prometheus.yml'],
    ['rules', 'alerts.yml'],
  ] as const) {
    const { code, said } = await promtool(['check', what, join(OPERATIONS, name)]);
    assert.equal(code, 0, said);
    assert.match(said, /\b7 rules\b/);
  }
});

describe('under load', () => {
  const busy = new Map<Runtime, Busy>();
  let prometheus: Prometheus;

  before(async () => {
    const started = RUNTIMES.map(async (runtime) => busy.set(runtime, await startBusy(runtime, METRICS_TOKEN)));
    fulfilled(await Promise.allSettled(started));
    prometheus = await startPrometheus([...busy.keys()].map(instanceOf), METRICS_TOKEN);
  });

  after(async () => {
    const ended = await Promise.allSettled([...busy.values()].map((each) => each.stop()));
    await prometheus?.stop();
    fulfilled(ended);
  });

  const instanceOf = (runtime: Runtime) => `127.0.0.1:${busy.get(runtime)?.server.port}`;
  const metrics = (runtime: Runtime, headers: Record<string, string>) =>
    fetch(`http://${instanceOf(runtime)}/metrics`, { headers });

  for (const runtime of RUNTIMES) {
    test(`${runtime}: each query of the dashboard has a value, and where something happened not only 0`, async () => {
      await eventually(
        () => lacking(prometheus, instanceOf(runtime)),
        (lacks) => lacks.length === 0,
      );
    });

    test(`${runtime}: promtool finds nothing wrong with the metrics`, async () => {
      const { code, said } = await promtool(['check', 'metrics'], await (await metrics(runtime, {})).text());
      assert.deepEqual({ code, said }, { code: 0, said: '' });
    });

    test(`${runtime}: who comes through a proxy needs the token`, async () => {
      const forwarded = { 'x-forwarded-for': '192.0.2.1' };
      assert.equal((await metrics(runtime, forwarded)).status, 401);
      assert.equal((await metrics(runtime, { ...forwarded, authorization: `Bearer ${METRICS_TOKEN}` })).status, 200);
    });
  }

  test('all alerts can be judged, and stir only where there is reason', async () => {
    const { groups } = await prometheus.api<{
      groups: { rules: { name: string; state: string; health: string; lastError?: string }[] }[];
    }>('rules');
    const rules = groups.flatMap((group) => group.rules);
    assert.equal(rules.length, 7);
    for (const { name, health, lastError } of rules) assert.equal(health, 'ok', `${name}: ${lastError}`);
    // Pending: it would fire if it went on for minutes.
    const stirred = rules.filter(({ state }) => state !== 'inactive').map(({ name, state }) => `${name} ${state}`);
    assert.deepEqual(stirred, ['McpRequestsShed pending']);
  });

  test('no scrape has failed', async () => {
    const { activeTargets } = await prometheus.api<{
      activeTargets: { scrapeUrl: string; health: string; lastError: string }[];
    }>('targets');
    assert.equal(activeTargets.length, RUNTIMES.length);
    for (const { scrapeUrl, health, lastError } of activeTargets)
      assert.equal(health, 'up', `${scrapeUrl} ${lastError}`);
    for (const { metric, values } of await prometheus.range('up')) {
      assert.ok(
        values.every((value) => value === 1),
        JSON.stringify(metric),
      );
    }
  });
});

/** @throws why the first that was not fulfilled was not */
function fulfilled(settled: readonly PromiseSettledResult<unknown>[]): void {
  for (const each of settled) if (each.status === 'rejected') throw each.reason;
}

/** The queries that show nothing yet. */
async function lacking(prometheus: Prometheus, instance: string): Promise<string[]> {
  const lacks = await Promise.all(
    queries.map(async ({ title, expr }) => {
      const values = (await prometheus.range(filled(expr, instance))).flatMap((series: Series) => series.values);
      const numbers = values.filter(Number.isFinite);
      if (numbers.length === 0) return [`${title}: nothing for ${expr}`];
      return QUIET.test(expr) || numbers.some((value) => value > 0) ? [] : [`${title}: only 0 for ${expr}`];
    }),
  );
  return lacks.flat();
}

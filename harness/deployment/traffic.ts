/** All that a server of `server.ts` counts, for as long as one wants: callers of both eras, good, bad and greedy. */

import { setTimeout as sleep } from 'node:timers/promises';
import { SignJWT } from 'jose';
import { type OpenMeteoServer, serveOpenMeteo } from '../../tools/open-meteo.fixture.ts';
import { events } from '../clients/session.ts';
import { Caller } from '../production/caller.ts';
import { type RunningServer, type Runtime, startServer } from '../runtimes/start.ts';

const SECRET = 'the secret that tokens of this test are signed by';
const RESOURCE = 'http://127.0.0.1/mcp';
const SCOPE = 'account:write';

export interface Busy {
  readonly server: RunningServer;
  /** Lets what runs end, then ends the server. @throws what went wrong with the traffic */
  stop(): Promise<void>;
}

/** Starts `server.ts` with low bounds, and traffic that meets each of them. */
export async function startBusy(runtime: Runtime, metricsToken: string): Promise<Busy> {
  const weather = await serveOpenMeteo();
  const server = await startServer({ runtime, env: { ...BOUNDS, ...envOf(metricsToken, weather.url) } }).catch(
    async (error: unknown) => {
      await weather.stop();
      throw error;
    },
  );
  let over = false;
  const traffic = run(server.url, weather, () => over);
  traffic.catch(() => {}); // Told by `stop`.
  return {
    server,
    async stop() {
      over = true;
      try {
        await traffic;
      } finally {
        await server.stop();
        await weather.stop();
      }
    },
  };
}

const BOUNDS = {
  MCP_HEARTBEAT: '200',
  MCP_RATE_LIMIT_CALLS: '100/second',
  MCP_MAX_CALLER_CALLS: '8',
  MCP_UPSTREAM_CALLS: '2',
  MCP_UPSTREAM_QUEUE: '1',
  MCP_UPSTREAM_TIMEOUT: '1000',
};

function envOf(metricsToken: string, weatherUrl: string): Record<string, string> {
  return {
    MCP_METRICS_TOKEN: metricsToken,
    MCP_AUTH_SECRET: SECRET,
    MCP_PUBLIC_URL: RESOURCE,
    MCP_LOG_LEVEL: 'off',
    MCP_GEOCODING_URL: weatherUrl,
    MCP_FORECAST_URL: weatherUrl,
  };
}

async function run(url: string, weather: OpenMeteoServer, over: () => boolean): Promise<void> {
  const caller = async (subject: string, scope = '') =>
    new Caller(url, { authorization: `Bearer ${await token(subject, scope)}` });
  const until = async (pause_ms: number, round: () => Promise<unknown>) => {
    while (!over()) {
      await round();
      await sleep(pause_ms);
    }
  };
  const steady = await caller('steady', SCOPE);
  const greedy = await caller('greedy');
  const hasty = await caller('hasty');
  const hungry = await caller('hungry');
  const patient = await caller('patient');
  const quiet = await steady.open();
  // Its stream has ended, and is kept.
  await quiet.call('countdown', { from: 1, every_ms: 10 });
  const streams = [await quiet.get(), await steady.send('subscriptions/listen', { notifications: {} })];
  await Promise.all([
    until(200, () => ask(steady)),
    until(100, () => session(hasty)),
    until(200, () => intrude(new Caller(url), greedy)),
    until(500, () => times(150, () => greedy.call('echo', { text: 'more' }))),
    until(500, () => times(10, () => patient.call('countdown', { from: 2, every_ms: 200 }))),
    until(1000, () => eat(hungry, weather)),
  ]);
  for (const { body } of streams) await body?.cancel();
}

const times = (count: number, call: () => Promise<unknown>) => Promise.all(Array.from({ length: count }, call));

function token(subject: string, scope: string): Promise<string> {
  return new SignJWT({ scope })
    .setProtectedHeader({ alg: 'HS256', typ: 'at+jwt' })
    .setSubject(subject)
    .setAudience(RESOURCE)
    .setExpirationTime('1h')
    .sign(new TextEncoder().encode(SECRET));
}

/** Requests without a session, one of them wrong. */
async function ask(caller: Caller): Promise<void> {
  await caller.ask('server/discover');
  await caller.ask('tools/list');
  for (let i = 0; i < 10; i++) await caller.call('echo', { text: 'hello' });
  await caller.call('sensitive_operation', { data: 'some' });
  await caller.call('no_such_tool');
}

/** A session in which a stream is cut and resumed. */
async function session(caller: Caller): Promise<void> {
  const inSession = await caller.open();
  await inSession.post({ method: 'notifications/initialized' });
  await inSession.ask('ping');
  const response = await inSession.send('tools/call', { name: 'countdown', arguments: { from: 5, every_ms: 20 } });
  for await (const { id, message } of events(response)) {
    if (message?.method !== 'notifications/progress' || id === undefined) continue;
    // Leaving the loop cuts the stream.
    await sleep(0);
    const resumed = inSession.get({ 'last-event-id': id });
    await (await resumed).text();
    break;
  }
  await inSession.end();
}

/** Without a token, with a wrong one, and without the scope. */
async function intrude(stranger: Caller, unscoped: Caller): Promise<void> {
  await stranger.ask('ping');
  await stranger.with({ authorization: 'Bearer of.no.good' }).ask('ping');
  await unscoped.call('sensitive_operation', { data: 'some' });
}

/** More calls than the upstream takes at once, while it is silent. */
async function eat(caller: Caller, weather: OpenMeteoServer): Promise<void> {
  await caller.call('get_weather', { city: 'Berlin' });
  weather.faults.push('silent', 'silent');
  await times(5, () => caller.call('get_weather', { city: 'Paris' }));
  weather.faults.length = 0;
}

/** Secrets that are planted in a server, used in right and wrong ways, and then looked for in all that it said. */

import assert from 'node:assert/strict';
import { RESOURCE, shared, signed } from '../../server/auth.fixture.ts';
import { type Runtime, startServer } from '../runtimes/start.ts';
import { type Answer, answerOf, Caller } from './caller.ts';
import { serving } from './serving.ts';

const ENTRY = 'harness/production/entry.ts';
/** Stands in everything that is secret and can be written as one wants. */
const MARK = 'planted';
const AUTH_SECRET = `${MARK}-secret-that-signs-all-the-tokens`;
const METRICS_TOKEN = `${MARK}-token-of-the-operator`;
const by = { ...shared, key: new TextEncoder().encode(AUTH_SECRET) };

export async function keepsSecrets(runtime: Runtime): Promise<void> {
  await serving(
    {
      runtime,
      entry: ENTRY,
      env: {
        MCP_AUTH_SECRET: AUTH_SECRET,
        MCP_SESSION_SECRET: `${MARK}-secret-that-seals-session-ids`,
        MCP_METRICS_TOKEN: METRICS_TOKEN,
        MCP_PUBLIC_URL: RESOURCE,
        MCP_LOG_LEVEL: 'debug',
        MCP_LOG_FORMAT: 'json',
        MCP_LOG_ARGUMENTS: '1',
      },
    },
    async (server) => {
      const heard: Answer[] = [];
      const hear = async (answer: Promise<Answer>) => heard.push(await answer);
      const tokens: string[] = [];
      const issue = async (claims: object, at = Date.now()) => {
        const token = await signed(by, at, { jti: MARK, scope: 'account:write', ...claims });
        tokens.push(token);
        return token;
      };
      const ids: string[] = [];
      const { url, origin } = server;
      const good = await issue({ sub: 'user-1' });
      const caller = new Caller(url, { authorization: `Bearer ${good}` });
      const open = async (each: Caller) => {
        const opened = await each.initialize();
        heard.push(opened);
        const id = opened.headers.get('mcp-session-id');
        assert.ok(id);
        ids.push(id);
        return new Caller(url, each.headers, id);
      };
      const session = await open(caller);

      // As they are meant to be used, and by tools that have bugs.
      const traced = {
        traceparent: '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01',
        tracestate: `vendor=${MARK}`,
        baggage: `token=${good}`,
        cookie: `session=${MARK}`,
      };
      for (const each of [session, caller, session.with(traced), caller.with(traced)]) {
        await hear(each.ask('tools/list'));
        await hear(each.call('sensitive_operation', { data: 'a' }));
        await hear(each.call('fail', { message: `upstream refused token=${MARK}` }));
        await hear(each.call('fail', { message: `sent {"password":"${MARK}"} with ${good} of ${session.session}` }));
        await hear(each.call('fail', { message: `got https://user:${MARK}@db.example/ and api_key: ${MARK}` }));
        await hear(each.call('hold', { url: `http://127.0.0.1:1/?token=${MARK}` }));
      }

      // As they are not.
      const wrong = [
        await issue({ sub: 'user-1' }, Date.now() - 3_600_000),
        await issue({ sub: 'user-1', aud: `https://${MARK}.example` }),
        await issue({ sub: 'user-1', nbf: 9e9 }),
        await issue({ sub: '' }),
        `${good.slice(0, -4)}AAAA`,
        good.slice(0, -40),
        `${MARK}-is-no-token`,
        `${MARK.repeat(2000)}`,
        `${good} ${good}`,
        `${good}, Bearer ${good}`,
      ].map((token) => `Bearer ${token}`);
      for (const authorization of [...wrong, `Basic ${btoa(`user:${MARK}`)}`, `Token ${good}`, AUTH_SECRET]) {
        for (const each of [session, caller]) await hear(each.with({ authorization }).call('echo', { text: 'a' }));
      }
      for (const query of [`?access_token=${good}`, `?token=${good}&secret=${MARK}`]) {
        await hear(new Caller(url + query, caller.headers).call('echo', { text: 'a' }));
        await hear(answerOf(await fetch(`${origin}/nowhere${query}`)));
      }
      const stranger = await open(new Caller(url, { authorization: `Bearer ${await issue({ sub: 'user-2' })}` }));
      for (const id of [stranger.session ?? '', `${session.session}x`, (session.session ?? '').slice(0, -10)]) {
        const thief = new Caller(url, caller.headers, id);
        await hear(thief.ask('ping'));
        await hear(thief.end());
        await hear(answerOf(await thief.get()));
      }
      for (const authorization of [`Bearer ${METRICS_TOKEN}`, `Bearer ${METRICS_TOKEN}s`, `Bearer ${good}`]) {
        for (const path of ['/metrics', '/health', '/readyz']) {
          const headers = { authorization, 'x-forwarded-for': '203.0.113.7' };
          await hear(answerOf(await fetch(origin + path, { headers })));
        }
      }
      await hear(session.end());
      await hear(session.ask('ping'));
      await server.stop();

      const secrets = [MARK, ...[...tokens, ...ids].flatMap((text) => [text, text.split('.').at(-1) ?? ''])];
      const finds = (text: string, where: string) => {
        const found = secrets.filter((secret) => text.toLowerCase().includes(secret.toLowerCase()));
        assert.deepEqual(found, [], `${where}: ${text}`);
      };
      const lines = server.stdout().split('\n');
      assert.ok(lines.length > heard.length, 'each request has a line');
      for (const line of lines) finds(line, 'standard output');
      finds(server.stderr(), 'standard error');
      for (const { status, headers, body } of heard) {
        finds(body, `a body of ${status}`);
        for (const [name, value] of headers) if (name !== 'mcp-session-id') finds(value, `header ${name} of ${status}`);
      }
    },
  );
}

/** What cannot be used is named when the start fails, but not told. */
export async function startsWithoutTelling(): Promise<void> {
  const cases: Record<string, string>[] = [
    { MCP_AUTH_SECRET: MARK },
    { MCP_SESSION_SECRET: MARK },
    { MCP_METRICS_TOKEN: MARK },
    { MCP_AUTH_ISSUER: `https://user:${MARK}@issuer.example` },
    { MCP_FORECAST_URL: `https://user:${MARK}@api.example` },
  ];
  await Promise.all(
    cases.map((env) =>
      assert.rejects(startServer({ runtime: 'node', env }), ({ message }: Error) => {
        const [knob = ''] = Object.keys(env);
        assert.ok(message.includes(knob), message);
        assert.ok(!message.includes(MARK), message);
        return true;
      }),
    ),
  );
}

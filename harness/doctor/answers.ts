/** What answers say beside what was asked: headers, clock, banners, stack traces, how much is taken. */

import { isRecord } from '../replay/match.ts';
import { type Finding, finding } from './finding.ts';
import type { Spoken } from './negotiation.ts';
import { type Answer, looked, type Visit } from './visit.ts';

/** Tokens are good to the second, Date is not better than that; ms. */
const CLOCK_MS = 5000;
/** MCP_AUTH_SKEW by default; ms. */
const SKEW_MS = 30_000;
const BIG_BYTES = 5 * 1024 * 1024;
/** What the trace of a stack looks like, in the languages that servers are written in. */
const TRACES =
  /\n\s+at .+[:(]\d+|Traceback \(most recent call last\)|File "[^"]+", line \d+|\/node_modules\/|goroutine \d+ \[|\.go:\d+|\bat [\w.$]+\([\w]+\.(?:java|kt):\d+\)|\.(?:php|rb|cs):(?:line )?\d+/;

export async function answers(visit: Visit, spoken: Spoken): Promise<Finding[]> {
  const found = await Promise.all([
    looked('answer.headers', async () => {
      const answer = await visit.ask(spoken.harmless());
      return [...securityHeaders(answer), clock(answer, visit), banner(answer)];
    }),
    looked('answer.leak', () => leaks(visit)),
    looked('answer.elsewhere', () => elsewhere(visit, spoken)),
    bigBody(visit),
  ]);
  return found.flat();
}

function securityHeaders({ headers }: Answer): Finding[] {
  const sniff = headers['x-content-type-options'] ?? 'absent';
  const cache = headers['cache-control'] ?? 'absent';
  return [
    sniff === 'nosniff'
      ? finding('ok', 'answer.headers', 'X-Content-Type-Options is nosniff')
      : finding('warning', 'answer.headers', `X-Content-Type-Options is ${sniff}`, 'X-Content-Type-Options: nosniff'),
    /\bno-store\b/.test(cache)
      ? finding('ok', 'answer.cache', `Cache-Control is ${cache}`)
      : finding(
          /\b(no-cache|private)\b/.test(cache) ? 'info' : 'warning',
          'answer.cache',
          `Cache-Control is ${cache}: answers may be kept on the way`,
          'Cache-Control: no-store',
        ),
  ];
}

function clock({ headers, at, ms }: Answer, { hasCredentials }: Visit): Finding {
  const id = 'answer.clock';
  const date = Date.parse(headers.date ?? '');
  if (Number.isNaN(date)) return finding('info', id, `Date is ${headers.date ?? 'absent'}: its clock cannot be seen`);
  // Date is cut to the second, and was written when half of the time was over.
  const ahead = date + 500 - (at - ms / 2);
  const seen = `Its clock is ${Math.abs(ahead / 1000).toFixed(1)} s ${ahead < 0 ? 'behind' : 'ahead of'} the one here`;
  if (Math.abs(ahead) <= CLOCK_MS) return finding('ok', id, seen);
  return finding(
    hasCredentials && Math.abs(ahead) > SKEW_MS ? 'error' : 'warning',
    id,
    `${seen}: tokens are too old or not yet good`,
    'run NTP on both; MCP_AUTH_SKEW bears 30 s',
  );
}

function banner({ headers }: Answer): Finding {
  const id = 'answer.banner';
  const told = ['server', 'x-powered-by', 'x-aspnet-version']
    .filter((name) => headers[name] !== undefined)
    .map((name) => `${name}: ${headers[name]}`);
  if (told.length === 0) return finding('ok', id, 'No header tells what serves it');
  const seen = `Headers tell what serves it: ${told.join(', ')}`;
  const mend = 'nginx: server_tokens off; proxy_hide_header X-Powered-By; Express: app.disable("x-powered-by")';
  return finding(told.some((one) => /\d/.test(one)) ? 'warning' : 'info', id, seen, mend);
}

async function leaks(visit: Visit): Promise<Finding[]> {
  const json = { 'content-type': 'application/json', accept: 'application/json, text/event-stream' };
  const wrong: [what: string, Record<string, string>, body: string][] = [
    ['a body that is no JSON', json, '{'],
    ['a message that is none', json, '{"jsonrpc":"2.0","id":1,"method":{"a":[]},"params":7}'],
    ['a body of another type', { ...json, 'content-type': 'text/plain' }, 'hello'],
  ];
  const found: Finding[] = [];
  for (const [what, headers, body] of wrong) {
    const { status, text } = await visit.ask({ method: 'POST', headers, body: new TextEncoder().encode(body) });
    const trace = TRACES.exec(text);
    if (trace)
      found.push(
        finding(
          'error',
          'answer.leak',
          `The answer to ${what} (${status}) has a stack trace: ${JSON.stringify(trace[0].trim().slice(0, 80))}`,
          'NODE_ENV=production, or an error handler that tells the client an id and the log the rest',
        ),
      );
    else if (status >= 500)
      found.push(
        finding(
          'warning',
          'answer.leak',
          `The answer to ${what} is ${status}`,
          'answer 400 with JSON-RPC error -32700 or -32600, and 415',
        ),
      );
  }
  return found.length > 0 ? found : [finding('ok', 'answer.leak', 'Errors tell nothing of the inside')];
}

/** Another path must not be the endpoint: a proxy may guard one, and pass on all. */
async function elsewhere(visit: Visit, spoken: Spoken): Promise<Finding> {
  const id = 'answer.elsewhere';
  const url = visit.beside(`/nothing-is-here-${crypto.randomUUID().slice(0, 8)}`);
  const { status, message, text } = await visit.ask(spoken.harmless(), { url });
  if (TRACES.test(text))
    return finding('error', id, `The ${status} of an unknown path has a stack trace`, 'NODE_ENV=production');
  if (status === 404)
    return finding(
      'ok',
      id,
      `An unknown path is 404${isRecord(message) && 'jsonrpc' in message ? ' with a JSON-RPC error' : ''}`,
    );
  if (status < 300 && isRecord(message) && 'result' in message)
    return finding(
      'warning',
      id,
      `An unknown path is answered with ${status} like the endpoint: what a proxy guards by path is open elsewhere`,
      'let the proxy pass on the path of the endpoint alone',
    );
  return finding('info', id, `An unknown path is answered with ${status}, not 404`);
}

async function bigBody(visit: Visit): Promise<Finding> {
  const id = 'answer.big-body';
  const body = new TextEncoder().encode(
    `{"jsonrpc":"2.0","method":"notifications/nothing","params":{"_meta":{"pad":"${'x'.repeat(BIG_BYTES)}"}}}`,
  );
  const headers = { 'content-type': 'application/json', accept: 'application/json, text/event-stream' };
  try {
    const { status } = await visit.ask({ method: 'POST', headers, body }, { within: 5000 });
    if (status === 413) return finding('ok', id, 'A body of 5 MB is refused with 413');
    return finding(
      'info',
      id,
      `A body of 5 MB is answered with ${status}, not 413`,
      'MCP_MAX_BODY (4194304); nginx: client_max_body_size 4m;',
    );
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    if (/EPIPE|ECONNRESET|hang up/i.test(why))
      return finding('ok', id, 'A body of 5 MB is refused by closing the connection');
    return finding(
      'info',
      id,
      `A body of 5 MB: ${why}`,
      'MCP_MAX_BODY (4194304) and MCP_READ_TIMEOUT (30000); nginx: client_max_body_size 4m; client_body_timeout 30s;',
    );
  }
}

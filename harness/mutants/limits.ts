/** Mutants of what is granted and shown: budgets, calls at once, probes, and how a server goes. */

import { answer, changedRequest, headers, type Mutant, status } from './mutate.ts';
import { dataOf, json, member, methodOf, spy } from './spy.ts';

const OLD = { revisions: ['2025-11-25'] } as const;
const NEW = { revisions: ['2026-07-28'] } as const;

const pathOf = ({ url }: Request) => new URL(url).pathname;

/** A right server with other knobs. */
function knobs(name: string, env: Readonly<Record<string, string>>): Mutant {
  return { name, env, wrap: (handler) => handler };
}

/** Leaves a header out of the answers of a status. */
function lacking(name: string, code: number, header: string): Mutant {
  return headers(name, (changed, _given, got) => {
    if (got === code) changed.delete(header);
  });
}

export const LIMITS: readonly Mutant[] = [
  // Budgets.
  knobs('calls are not limited', { MCP_RATE_LIMIT_CALLS: '' }),
  knobs('sessions begun are not limited', { MCP_RATE_LIMIT_INITIALIZE: '' }),
  knobs('requests are not limited', { MCP_RATE_LIMIT: '' }),
  knobs('a caller has fewer calls than are granted', { MCP_RATE_LIMIT_CALLS: '5/minute' }),
  knobs('a caller begins fewer sessions than are granted', { MCP_RATE_LIMIT_INITIALIZE: '5/minute' }),
  spy('the rate of a tool is not kept', () => ({
    before: (given) =>
      member(given.body, 'params.name') === 'test_limited'
        ? changedRequest(given.request, {
            body: JSON.stringify(given.body).replace('test_limited', 'test_simple_text'),
            headers: given.request.headers.has('mcp-name') ? { 'mcp-name': 'test_simple_text' } : {},
          })
        : undefined,
  })),
  spy('a tool that is used up takes the others with it', () => {
    const spent = new Set<string | null>();
    return {
      after(response, given) {
        const caller = given.request.headers.get('authorization');
        if (response.status === 429) spent.add(caller);
        return methodOf(given.body) === 'tools/call' && spent.has(caller) ? status(response, 429) : response;
      },
    };
  }),
  lacking('a 429 does not say when to come again', 429, 'retry-after'),
  lacking('a 429 has no RateLimit', 429, 'ratelimit'),
  lacking('a 429 has no RateLimit-Policy', 429, 'ratelimit-policy'),
  headers('a 429 says that nobody may ever come again', (changed, _given, got) => {
    if (got === 429) changed.set('retry-after', 'never');
  }),
  headers('a 429 says to come again too soon', (changed, _given, got) => {
    if (got === 429) changed.set('retry-after', '0');
  }),
  answer('a 429 holds no message', (response) =>
    response.status === 429 ? new Response(null, { status: 429, headers: response.headers }) : response,
  ),
  answer('a 429 is a 503', (response) => (response.status === 429 ? status(response, 503) : response)),
  answer('a 429 is a result', (response) =>
    response.status === 429
      ? Response.json({ jsonrpc: '2.0', id: 'one', result: { content: [], isError: true } })
      : response,
  ),
  spy('a budget is shared by all', () => {
    let spent = false;
    return {
      after(response, given) {
        if (response.status === 429) spent = true;
        return spent && given.verb === 'POST' && response.ok
          ? json(given, { error: { code: -32603, message: '' } }, 429)
          : response;
      },
    };
  }),
  spy('a budget never comes back', () => {
    const spent = new Set<string>();
    return {
      after(response, given) {
        const budget = `${given.request.headers.get('authorization')} ${methodOf(given.body)}`;
        if (response.status === 429) spent.add(budget);
        return spent.has(budget) ? status(response, 429) : response;
      },
    };
  }),
  spy(
    'who begins too many sessions is served in none',
    () => {
      const spent = new Set<string | null>();
      return {
        after(response, given) {
          const caller = given.request.headers.get('authorization');
          if (response.status === 429) spent.add(caller);
          return spent.has(caller) ? status(response, 429) : response;
        },
      };
    },
    OLD,
  ),
  headers('a session is begun that is refused', (changed, _given, got) => {
    if (got === 429) changed.set('mcp-session-id', crypto.randomUUID());
  }),
  answer('the budget is looked at before the token', (response) =>
    response.status === 401 ? status(response, 429) : response,
  ),
  answer('streams cost nothing', async (response, given) =>
    response.status === 429 && given.method === 'GET'
      ? new Response(': open\n\n', { headers: { 'content-type': 'text/event-stream', 'cache-control': 'no-store' } })
      : response,
  ),
  // Calls at once.
  knobs('a caller has any number of calls at once', { MCP_MAX_CALLER_CALLS: '1000' }),
  knobs('a caller has one call at once', { MCP_MAX_CALLER_CALLS: '1' }),
  knobs('any number of calls run at once', { MCP_MAX_CALLS: '1000' }),
  lacking('a full server does not say when to come again', 503, 'retry-after'),
  answer('a full server is told by no message', (response) =>
    response.status === 503 ? new Response(null, { status: 503, headers: response.headers }) : response,
  ),
  spy('a server that was full once is full for ever', () => {
    let isFull = false;
    return {
      after(response, given) {
        if (response.status === 503) isFull = true;
        return isFull && methodOf(given.body) === 'tools/call' ? status(response, 503) : response;
      },
    };
  }),
  // Probes.
  answer('no probe is there', (response, given) =>
    ['/livez', '/readyz', '/health'].includes(pathOf(given)) ? new Response(null, { status: 404 }) : response,
  ),
  answer('anybody is told how the server fares', (response, given) =>
    pathOf(given) === '/health' ? Response.json({ status: 'ok', active_sessions: 1, memory_bytes: 1 }) : response,
  ),
  answer('metrics are for anybody', (response, given) =>
    pathOf(given) === '/metrics' ? new Response('mcp_requests_total 1\n') : response,
  ),
  answer('metrics are for any client', (response, given) =>
    pathOf(given) === '/metrics' && given.headers.has('authorization')
      ? new Response('mcp_requests_total 1\n')
      : response,
  ),
  answer('probes take any method', (response, given) =>
    pathOf(given) === '/readyz' && given.method === 'POST' ? new Response('ok') : response,
  ),
  answer('probes do not answer HEAD', (response, given) =>
    pathOf(given) === '/livez' && given.method === 'HEAD' ? new Response(null, { status: 405 }) : response,
  ),
  // Going.
  knobs('a server that goes cuts its calls', { MCP_DRAIN_TIMEOUT: '0' }),
  knobs('a server that goes serves nothing at once', { MCP_DRAIN_DELAY: '0' }),
  answer('a server that goes stays ready', (response, given) =>
    pathOf(given) === '/readyz' && response.status === 503 ? Response.json({ status: 'ok' }) : response,
  ),
  answer('a server that goes is called dead', async (response, given) =>
    pathOf(given) === '/livez' ? new Response(null, { status: 503 }) : response,
  ),
  spy(
    'sessions begin on a server that goes',
    () => ({
      after: (response, given) =>
        methodOf(given.body) === 'initialize' && response.status === 503 ? json(given, { result: {} }) : response,
    }),
    OLD,
  ),
  spy(
    'listen streams of a server that goes end without a result',
    () => ({
      event: (event, { given }) =>
        methodOf(given.body) === 'subscriptions/listen' && dataOf(event)?.result ? [] : event,
    }),
    NEW,
  ),
  spy(
    'streams of a server that goes end without a retry',
    () => ({
      event: (event) => (/^retry: /m.test(event) ? [] : event),
    }),
    OLD,
  ),
];

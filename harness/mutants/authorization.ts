/** Mutants of authorization: tokens, challenges, metadata, scopes, and whose a session, a stream and a state is. */

import { SCOPES } from '../fixtures/scoped.ts';
import { AUTH_ISSUER, authSecret, PUBLIC_URL } from '../own.ts';
import { claimsOf, type Role, signed } from '../replay/tokens.ts';
import { answer, changedRequest, type Handler, headers, type Mutant, request, result, status } from './mutate.ts';
import { dataOf, type Given, json, member, methodOf, spy } from './spy.ts';

const OLD = { revisions: ['2025-11-25'] } as const;
const NEW = { revisions: ['2026-07-28'] } as const;
const BATCHES = { revisions: ['2025-03-26'] } as const;
const WELL_KNOWN = '/.well-known/oauth-protected-resource';
const ALL = [...SCOPES.base, ...SCOPES.fixtures].join(' ');
/** Later than any run lasts; s. */
const LATER_S = 1_000_000;

// ---- tokens in requests --------------------------------------------------------------------------

function tokenOf(given: Request): string | undefined {
  return /^bearer (\S+)$/i.exec(given.headers.get('authorization') ?? '')?.[1];
}

/** The role that the token was made for: its id says it. */
function roleOf(given: Request): Role | undefined {
  const id = claimsOf(tokenOf(given) ?? '')?.jti;
  return typeof id === 'string' ? (id.split('-')[0] as Role) : undefined;
}

/** The request with a good token in place of its own, which is the same but for what is named. */
async function signedAnew(given: Request, change: Record<string, unknown> = {}): Promise<Request> {
  const claims = claimsOf(tokenOf(given) ?? '');
  const exp = Math.floor(Date.now() / 1000) + LATER_S;
  const good = { iss: AUTH_ISSUER, aud: PUBLIC_URL, sub: 'guest', scope: ALL };
  const token = await signed(
    { ...good, ...claims, iss: AUTH_ISSUER, aud: PUBLIC_URL, nbf: 0, exp, ...change },
    authSecret(),
  );
  return changedRequest(given, { headers: { authorization: `Bearer ${token}` } });
}

/** Tokens of a role are taken as good ones. */
function taken(name: string, role: Role, change: Record<string, unknown> = {}): Mutant {
  return request(name, (given) => (roleOf(given) === role ? signedAnew(given, change) : given));
}

/** The token by which each session was begun, and each state was given, is remembered; some requests are served by it. */
function owned(name: string, applies: (given: Given) => boolean, options: Pick<Mutant, 'revisions'> = OLD): Mutant {
  return spy(
    name,
    owners((given) => applies(given)),
    options,
  );
}

function owners(applies: (given: Given) => boolean) {
  return () => {
    const known = new Map<string, string>();
    return {
      before(given: Given) {
        const owner = known.get(given.session) ?? known.get(String(member(given.body, 'params.requestState')));
        if (owner === undefined || !applies(given)) return undefined;
        return changedRequest(given.request, { headers: { authorization: owner } });
      },
      async after(response: Response, given: Given) {
        const authorization = given.request.headers.get('authorization');
        const session = response.headers.get('mcp-session-id');
        if (authorization === null) return response;
        if (session !== null) known.set(session, authorization);
        if (response.headers.get('content-type')?.startsWith('application/json')) {
          const state = member(JSON.parse((await response.clone().text()) || '{}'), 'result.requestState');
          if (typeof state === 'string') known.set(state, authorization);
        }
        return response;
      },
    };
  };
}

const isOther = ({ request: { headers: given } }: Given) =>
  claimsOf((given.get('authorization') ?? '').slice('Bearer '.length))
    ?.jti?.toString()
    .startsWith('other-') === true;
const isAnswer = ({ body }: Given) => body !== undefined && body.method === undefined;
const isCancel = ({ body }: Given) => methodOf(body) === 'notifications/cancelled';

/** Something is done to the session of the owner whenever another one, or nobody, asks for it. */
function harming(name: string, harm: (given: Given, owner: string) => Promise<unknown>): Mutant {
  return spy(
    name,
    () => {
      const known = new Map<string, string>();
      return {
        async after(response, given) {
          const authorization = given.request.headers.get('authorization');
          const session = response.headers.get('mcp-session-id');
          if (session !== null && authorization !== null) known.set(session, authorization);
          const owner = known.get(given.session);
          if (owner !== undefined && [401, 404].includes(response.status)) await harm(given, owner);
          return response;
        },
      };
    },
    OLD,
  );
}

// ---- answers -------------------------------------------------------------------------------------

/** Changes the challenges of a status. */
function challenge(name: string, code: number, change: (text: string, given: Request) => string | undefined): Mutant {
  return headers(name, (changed, given, got) => {
    const text = changed.get('www-authenticate');
    if (got !== code || text === null) return;
    const other = change(text, given);
    if (other === undefined) changed.delete('www-authenticate');
    else changed.set('www-authenticate', other);
  });
}

/** Changes the metadata. */
function metadata(name: string, change: (document: Record<string, unknown>) => Record<string, unknown>): Mutant {
  return answer(name, async (response, given) => {
    if (!new URL(given.url).pathname.startsWith(WELL_KNOWN) || given.method !== 'GET' || !response.ok) return response;
    return Response.json(change((await response.json()) as Record<string, unknown>));
  });
}

/** Serves some messages as if the token had every scope. */
function unlooked(name: string, method: string, options: Pick<Mutant, 'revisions'> = {}): Mutant {
  return spy(
    name,
    () => ({
      async before({ request: given, body }) {
        return methodOf(body) === method && roleOf(given) === 'unscoped'
          ? signedAnew(given, { scope: ALL })
          : undefined;
      },
    }),
    options,
  );
}

/** Answers refusals in another way. */
function refusal(name: string, code: number, other: number): Mutant {
  return answer(name, (response) => (response.status === code ? status(response, other) : response));
}

const isBad = (given: Request) => tokenOf(given) !== undefined;

export const AUTHORIZATION: readonly Mutant[] = [
  // Tokens.
  taken('a token that has ended is taken', 'expired'),
  taken('a token that is not valid yet is taken', 'early'),
  taken('a token for another server is taken', 'audience'),
  taken('a token of another issuer is taken', 'issuer'),
  taken('a token with a wrong signature is taken', 'forged'),
  taken('a token with alg none is taken', 'unsigned'),
  taken('a token that was cut is taken', 'truncated'),
  taken('a token is taken however long it is', 'huge'),
  taken('a token that ends is taken for ever', 'short'),
  {
    ...taken('an audience is compared letter by letter', 'canonical', { aud: 'https://another.example/mcp' }),
  },
  {
    name: 'a token in the URL is taken',
    wrap: (handler) => async (given) => {
      const url = new URL(given.url);
      const token = url.searchParams.get('access_token');
      if (token === null || given.headers.has('authorization')) return handler(given);
      url.search = '';
      return handler(changedRequest(new Request(url, given), { headers: { authorization: `Bearer ${token}` } }));
    },
  },
  {
    name: 'a token in the URL beside another one is overlooked',
    wrap: (handler) => (given) => {
      const url = new URL(given.url);
      if (!url.searchParams.has('access_token') || !given.headers.has('authorization')) return handler(given);
      url.search = '';
      return handler(new Request(url, given));
    },
  },
  request('nobody is asked for a token', (given) => (given.headers.has('authorization') ? given : signedAnew(given))),
  request('initialize needs no token', async (given) => {
    if (given.method !== 'POST' || given.headers.has('authorization')) return given;
    return (await given.clone().text()).includes('"initialize"') ? signedAnew(given) : given;
  }),
  request('notifications need no token', async (given) => {
    if (given.method !== 'POST' || given.headers.has('authorization')) return given;
    return (await given.clone().text()).includes('"notifications/') ? signedAnew(given) : given;
  }),
  ...['POST', 'GET', 'DELETE'].map((verb) =>
    owned(
      `on ${verb} a session id stands for a token`,
      ({ verb: used, request: { headers: own } }) => used === verb && !own.has('authorization'),
    ),
  ),
  owned(
    'on a resumed stream a session id stands for a token',
    ({ from, request: { headers: own } }) => from !== null && !own.has('authorization'),
  ),
  owned('the token is looked at when a session begins alone', ({ session }) => session !== ''),
  spy('a call without a token is done, then refused', () => ({
    async before({ request: given, handler, body }) {
      if (methodOf(body) === 'tools/call' && tokenOf(given) === undefined) {
        const session =
          given.headers.get('mcp-session-id') === null ? {} : { headers: { 'mcp-session-id': undefined } };
        await handler(changedRequest(await signedAnew(given), session));
        await announced(given, handler);
      }
      return undefined;
    },
  })),
  answer('the scheme of a token is known in upper case alone', (response, given) =>
    given.headers.get('authorization')?.startsWith('bearer ') ? new Response(null, { status: 401 }) : response,
  ),
  answer('any scheme is a token', (response, given) =>
    given.headers.get('authorization')?.startsWith('Basic ')
      ? Response.json({ jsonrpc: '2.0', id: 1, result: {} })
      : response,
  ),
  refusal('a malformed Authorization answers 401', 400, 401),
  challenge('a malformed Authorization is called a bad token', 400, (text) =>
    text.replace('invalid_request', 'invalid_token'),
  ),
  answer('the body is judged before the token', async (response, given) => {
    if (response.status !== 401 || given.method !== 'POST') return response;
    const text = await given.clone().text();
    return /^\s*[[{].*[\]}]\s*$/s.test(text) && given.headers.get('content-type') === 'application/json'
      ? response
      : new Response(null, { status: 400 });
  }),
  answer('methods that nothing is served by are told to strangers', (response, given) =>
    response.status === 401 && ['PUT', 'PATCH', 'HEAD'].includes(given.method)
      ? new Response(null, { status: 405, headers: { allow: 'GET, POST, DELETE' } })
      : response,
  ),
  answer('methods that nothing is served by answer 200', (response, given) =>
    response.status === 401 && given.method === 'PUT' ? new Response(null) : response,
  ),
  // Challenges.
  challenge('a 401 has no challenge', 401, () => undefined),
  challenge('a challenge is of another scheme', 401, (text) => text.replace(/^Bearer/, 'Digest')),
  challenge('a challenge does not name the metadata', 401, (text) =>
    text.replace(/resource_metadata="[^"]*"(, )?/, ''),
  ),
  challenge('a challenge names the metadata by a path', 401, (text) =>
    text.replace(`="${new URL(PUBLIC_URL).origin}/`, '="/'),
  ),
  challenge('a challenge names metadata that are not there', 401, (text) =>
    text.replace(WELL_KNOWN, '/.well-known/none'),
  ),
  challenge('a challenge names no scopes', 401, (text) => text.replace(/, scope="[^"]*"/, '')),
  challenge('a challenge asks for offline_access', 401, (text) => text.replace('scope="', 'scope="offline_access ')),
  challenge('who brings no token is told that it is bad', 401, (text) =>
    text.includes('error=') ? text : text.replace('Bearer ', 'Bearer error="invalid_token", '),
  ),
  challenge('who brings a bad token is not told so', 401, (text) =>
    text.replaceAll(/error(_description)?="[^"]*", /g, ''),
  ),
  headers('every answer has a challenge', (changed) => changed.set('www-authenticate', 'Bearer realm="mcp"')),
  answer('a token is repeated in the error', (response, given) =>
    response.status === 401 && isBad(given)
      ? new Response(`The token ${tokenOf(given)} is not good`, response)
      : response,
  ),
  challenge('a token is repeated in the challenge', 401, (text, given) => `${text}, token="${tokenOf(given)}"`),
  answer('a token in the URL is repeated', (response, given) =>
    response.status === 400 && given.url.includes('access_token')
      ? new Response(`Not ${new URL(given.url).searchParams.get('access_token')}`, response)
      : response,
  ),
  refusal('a missing token answers 403', 401, 403),
  headers('a browser cannot read challenges', (changed) => {
    const exposed = changed.get('access-control-expose-headers');
    if (exposed !== null) changed.set('access-control-expose-headers', exposed.replace(/www-authenticate,? ?/i, ''));
  }),
  answer('a preflight needs a token', (response, given) =>
    given.method === 'OPTIONS' ? new Response(null, { status: 401 }) : response,
  ),
  headers('a browser cannot read the metadata', (changed, given) => {
    if (given.url.includes(WELL_KNOWN)) changed.delete('access-control-allow-origin');
  }),
  // Metadata.
  metadata('the metadata is of another resource', (document) => ({
    ...document,
    resource: 'https://another.example/mcp',
  })),
  metadata('the metadata names no issuer', (document) => ({ ...document, authorization_servers: [] })),
  metadata('tokens may come in the URL, the metadata says', (document) => ({
    ...document,
    bearer_methods_supported: ['query'],
  })),
  metadata('the metadata names no scopes', ({ scopes_supported: _scopes, ...document }) => document),
  metadata('the metadata offers offline_access', (document) => ({
    ...document,
    scopes_supported: ['mcp', 'offline_access'],
  })),
  headers('the metadata is no JSON', (changed, given) => {
    if (given.url.includes(WELL_KNOWN)) changed.set('content-type', 'text/html');
  }),
  answer('the metadata needs a token', (response, given) =>
    given.url.includes(WELL_KNOWN) && tokenOf(given) === undefined ? new Response(null, { status: 401 }) : response,
  ),
  answer('the metadata is at one place alone', (response, given) =>
    given.url.endsWith(WELL_KNOWN) ? new Response(null, { status: 404 }) : response,
  ),
  answer('the metadata is another at its root', (response, given) =>
    given.url.endsWith(WELL_KNOWN) ? Response.json({ resource: new URL(PUBLIC_URL).origin }) : response,
  ),
  answer('the metadata is nowhere', (response, given) => {
    if (given.url.includes('/.well-known/')) return new Response(null, { status: 404 });
    const changed = new Response(response.body, response);
    changed.headers.set('www-authenticate', 'Bearer scope="mcp"');
    return response.status === 401 ? changed : response;
  }),
  answer('the metadata is not told to HEAD', (response, given) =>
    given.url.includes(WELL_KNOWN) && given.method === 'HEAD' ? new Response(null, { status: 405 }) : response,
  ),
  answer('the metadata is the same of every path', (response, given) =>
    response.status === 404 && given.url.includes(WELL_KNOWN) ? Response.json({ resource: PUBLIC_URL }) : response,
  ),
  // Scopes.
  taken('scopes are not looked at', 'unscoped', { scope: ALL }),
  unlooked('scopes of tools are not looked at', 'tools/call'),
  unlooked('scopes of resources are not looked at', 'resources/read'),
  unlooked('scopes of prompts are not looked at', 'prompts/get'),
  unlooked('scopes of what is subscribed to are not looked at', 'resources/subscribe', OLD),
  unlooked('scopes of what is listened to are not looked at', 'subscriptions/listen', NEW),
  unlooked('scopes of completions are not looked at', 'completion/complete'),
  {
    name: 'scopes of batches are not looked at',
    ...BATCHES,
    wrap: (handler) => async (given) =>
      handler(
        roleOf(given) === 'unscoped' && given.method === 'POST' && (await given.clone().text()).startsWith('[')
          ? await signedAnew(given, { scope: ALL })
          : given,
      ),
  },
  {
    name: 'the rest of a batch is done',
    ...BATCHES,
    wrap: (handler) => async (given) => {
      const copy = given.clone();
      const response = await handler(given);
      if (response.status === 403) await handler(await signedAnew(copy, { scope: ALL }));
      return response;
    },
  },
  {
    name: 'no batch is served without every scope',
    ...BATCHES,
    wrap: (handler) => async (given) =>
      roleOf(given) === 'unscoped' && given.method === 'POST' && (await given.clone().text()).startsWith('[')
        ? new Response(null, { status: 403 })
        : handler(given),
  },
  {
    name: 'a call without its scopes is done, then refused',
    wrap: (handler) => async (given) => {
      const copy = given.clone();
      const response = await handler(given);
      if (response.status === 403) await handler(await signedAnew(copy, { scope: ALL }));
      return response;
    },
  },
  taken('no scope implies another', 'broad', { scope: 'mcp notes:admin-of-another' }),
  refusal('missing scopes answer 401', 403, 401),
  refusal('missing scopes answer 400', 403, 400),
  answer('missing scopes are a result', async (response) =>
    response.status === 403
      ? Response.json({ jsonrpc: '2.0', id: 'd', result: { content: [], isError: true } })
      : response,
  ),
  answer('missing scopes are told by no message', (response) =>
    response.status === 403 ? new Response(null, { status: 403, headers: response.headers }) : response,
  ),
  challenge('missing scopes are told by no challenge', 403, () => undefined),
  challenge('missing scopes are called a bad token', 403, (text) =>
    text.replace('insufficient_scope', 'invalid_token'),
  ),
  challenge('missing scopes are told one at a time', 403, (text) =>
    text.replace(/scope="(\S+ \S+)[^"]*"/, 'scope="$1"'),
  ),
  challenge('missing scopes are not named', 403, (text) => text.replace(/, scope="[^"]*"/, '')),
  challenge('whoever lacks a scope is told all that there are', 403, (text) =>
    text.replace(/scope="[^"]*"/, `scope="${ALL}"`),
  ),
  challenge('missing scopes come without metadata', 403, (text) => text.replace(/resource_metadata="[^"]*", /, '')),
  ...['tools/list', 'resources/list', 'resources/templates/list', 'prompts/list'].map((method) =>
    unlooked(`${method} is the same for everybody`, method),
  ),
  spy('what needs scopes is in no list', () => ({
    async before({ request: given, body }) {
      return methodOf(body)?.endsWith('/list') ? signedAnew(given, { scope: 'mcp' }) : undefined;
    },
  })),
  result('what differs by caller is public', (one) => ('cacheScope' in one ? { ...one, cacheScope: 'public' } : one)),
  spy('what needs scopes is served to nobody', () => ({
    async before({ request: given, body }) {
      const isUsed = ['resources/read', 'prompts/get', 'tools/call'].includes(methodOf(body) ?? '');
      return isUsed && tokenOf(given) !== undefined ? signedAnew(given, { scope: 'mcp' }) : undefined;
    },
  })),
  owned('the scopes of a session are those of its first token', ({ session }) => session !== ''),
  // Principals.
  owned('a message of another is served in a session', (given) => given.verb === 'POST' && isOther(given)),
  owned(
    'another opens the stream of a session',
    (given) => given.verb === 'GET' && given.from === null && isOther(given),
  ),
  owned('another resumes a stream', (given) => given.from !== null && isOther(given)),
  owned('another ends a session', (given) => given.verb === 'DELETE' && isOther(given)),
  owned('another answers a question', (given) => isAnswer(given) && isOther(given)),
  owned('another cancels a call', (given) => isCancel(given) && isOther(given)),
  owned('a requestState is taken from whoever brings it', isOther, NEW),
  spy(
    'an event id opens a stream in whatever session',
    () => {
      const opened = new Map<string, Given>();
      return {
        before(given) {
          const known = given.from === null ? undefined : opened.get(given.from.replace(/-\d+$/, ''));
          if (!known || !isOther(given)) return undefined;
          const { headers: own } = known.request;
          const names = ['authorization', 'mcp-session-id'].map((name) => [name, own.get(name) ?? undefined]);
          return changedRequest(given.request, { headers: Object.fromEntries(names) });
        },
        event(event, { given }) {
          const id = /^id: (.*)-\d+$/m.exec(event)?.[1];
          if (id !== undefined && !opened.has(id)) opened.set(id, given);
          return event;
        },
      };
    },
    OLD,
  ),
  harming('who is refused ends the session', ({ handler, session, request: { url } }, owner) =>
    handler(new Request(url, { method: 'DELETE', headers: { 'mcp-session-id': session, authorization: owner } })),
  ),
  harming(
    'who is refused a stream takes it from its owner',
    async ({ handler, verb, session, from, request: { url } }, owner) => {
      if (verb !== 'GET') return;
      const own = { accept: 'text/event-stream', 'mcp-session-id': session, authorization: owner };
      const took = await handler(
        new Request(url, { headers: { ...own, ...(from !== null && { 'last-event-id': from }) } }),
      );
      await took.body?.cancel();
    },
  ),
  spy(
    "another's session is told from one that is not there",
    () => ({
      after: (response, given) =>
        response.status === 404 && given.session.length > 60 && isOther(given)
          ? json(given, { error: { code: -32600, message: 'This session is of another user' } }, 403)
          : response,
    }),
    OLD,
  ),
  taken('a new token of the same user is of another', 'refreshed', { sub: 'another' }),
  request('everybody is the same user', (given) =>
    ['user', 'other', 'refreshed'].includes(roleOf(given) ?? '') ? signedAnew(given, { sub: 'everybody' }) : given,
  ),
  spy(
    'a stream that ends with its token has no retry',
    () => ({
      event: (event) => (/^retry: /m.test(event) ? [] : event),
    }),
    OLD,
  ),
  spy(
    'a listen stream that ends with its token has no result',
    () => ({
      event: (event, { given }) =>
        methodOf(given.body) === 'subscriptions/listen' && dataOf(event)?.result ? [] : event,
    }),
    NEW,
  ),
  spy(
    'a call that outlives its token is over',
    () => ({
      after: (response, given) =>
        given.from !== null && roleOf(given.request) === 'refreshed' ? new Response(null, { status: 404 }) : response,
    }),
    OLD,
  ),
];

/** What the call would have told everybody. */
async function announced(given: Request, handler: Handler): Promise<void> {
  const body = {
    jsonrpc: '2.0',
    id: 1,
    method: 'tools/call',
    params: {
      name: 'test_trigger_prompt_change',
      arguments: {},
      _meta: {
        'io.modelcontextprotocol/protocolVersion': '2026-07-28',
        'io.modelcontextprotocol/clientCapabilities': {},
      },
    },
  };
  const named = {
    'mcp-protocol-version': '2026-07-28',
    'mcp-method': 'tools/call',
    'mcp-name': 'test_trigger_prompt_change',
  };
  const own = { 'content-type': 'application/json', accept: 'application/json, text/event-stream', ...named };
  await handler(await signedAnew(new Request(given.url, { method: 'POST', headers: own, body: JSON.stringify(body) })));
}

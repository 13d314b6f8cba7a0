/** Whether a client that has no token finds out where to get one, and whether one is really asked for. (RFC 9728; MCP, authorization.) */

import { NoAnswer } from '../replay/exchanges.ts';
import { isRecord, valueAt } from '../replay/match.ts';
import type { HttpRequest } from '../replay/target.ts';
import { type Finding, finding } from './finding.ts';
import { isLoopback } from './loopback.ts';
import type { Spoken } from './negotiation.ts';
import { type Answer, looked, type Visit } from './visit.ts';

const WELL_KNOWN = '/.well-known/oauth-protected-resource';
/** So many authorization servers of one deployment are looked at. */
const MOST_SERVERS = 2;
const NO_TOKEN = 'not-a-token';

export function authorization(visit: Visit, spoken: Spoken): Promise<Finding[]> {
  return looked('auth.needed', async () => {
    const answer = await visit.ask(spoken.harmless(), { anonymous: true });
    const { status } = answer;
    if (status !== 401 && status !== 403) return open(visit, status);
    const found = [finding('ok', 'auth.needed', `Without a token the answer is ${status}`)];
    if (status === 403)
      found.push(
        finding(
          'warning',
          'auth.needed',
          'Without a token the answer is 403: clients look for a token at 401 alone',
          'answer 401 with WWW-Authenticate',
        ),
      );
    if (spoken.refused && visit.hasCredentials)
      found.push(
        finding(
          'error',
          'auth.token',
          `The token that was given is refused with ${spoken.refused.status}${said(spoken.refused)}`,
          'a new token; its aud must be MCP_AUTH_AUDIENCE (or MCP_PUBLIC_URL), its iss MCP_AUTH_ISSUER',
        ),
      );
    else if (spoken.refused)
      found.push(
        finding(
          'info',
          'auth.token',
          'Streams, sessions and answers need a token to be looked at',
          '--header "authorization: Bearer ...", or the variable MCP_REPLAY_HEADERS',
        ),
      );
    const rest = await Promise.all([
      looked('auth.metadata', () => metadata(visit, answer)),
      looked('auth.bad-token', () => badTokens(visit, spoken, answer)),
    ]);
    return [...found, ...rest.flat()];
  });
}

function open({ url }: Visit, status: number): Finding {
  const seen = `Without a token the answer is ${status}`;
  if (isLoopback(url.host)) return finding('ok', 'auth.needed', `${seen}: none is needed, on loopback`);
  return finding(
    'warning',
    'auth.needed',
    `${seen}: anybody may call`,
    'MCP_AUTH_ISSUER (or MCP_AUTH_SECRET) and MCP_PUBLIC_URL, or a network of its own',
  );
}

// ---- where to get a token ------------------------------------------------------------------------

interface Place {
  readonly url: URL;
  readonly answer: Answer | NoAnswer;
  /** The document, where there is one. */
  readonly document: Record<string, unknown> | undefined;
}

async function metadata(visit: Visit, challenge: Answer): Promise<Finding[]> {
  const { url } = visit;
  const named = parameter(challenge.headers['www-authenticate'], 'resource_metadata');
  const pathForm = visit.beside(`${WELL_KNOWN}${url.pathname === '/' ? '' : url.pathname}`);
  const rootForm = visit.beside(WELL_KNOWN);
  const [byPath, byRoot, byChallenge] = await Promise.all([
    fetched(visit, pathForm),
    fetched(visit, rootForm),
    named !== undefined && URL.canParse(named) ? fetched(visit, new URL(named)) : undefined,
  ]);
  const found = [challenged(challenge, named, byChallenge)];
  const lacking = [byPath, byRoot].filter(({ document }) => !document);
  const place = byChallenge?.document ? byChallenge : [byPath, byRoot].find(({ document }) => document);
  if (!place?.document) {
    const mend = `MCP_PUBLIC_URL=${url.href} and let the proxy pass ${WELL_KNOWN}* to the server`;
    return [...found, finding('error', 'auth.metadata', `No resource metadata: ${lacking.map(told).join('; ')}`, mend)];
  }
  found.push(
    lacking.length === 0
      ? finding('ok', 'auth.metadata', 'Resource metadata is at both well-known places')
      : finding(
          byChallenge?.document ? 'info' : 'warning',
          'auth.metadata',
          `Some clients look where there is no resource metadata: ${lacking.map(told).join('; ')}`,
          `let the proxy pass ${WELL_KNOWN}* to the server`,
        ),
  );
  const { document } = place;
  const methods = document.bearer_methods_supported;
  if (Array.isArray(methods) && methods.includes('query'))
    found.push(
      finding(
        'error',
        'auth.query',
        'The metadata offers tokens in the query, where logs keep them',
        'bearer_methods_supported: ["header"]',
      ),
    );
  return [...found, resource(url, document.resource), ...(await servers(visit, document.authorization_servers))];
}

function challenged(challenge: Answer, named: string | undefined, place: Place | undefined): Finding {
  const id = 'auth.challenge';
  const header = challenge.headers['www-authenticate'];
  const mend =
    'WWW-Authenticate: Bearer resource_metadata="<URL of the resource metadata>" (MCP_PUBLIC_URL); the proxy must pass it on';
  if (header === undefined) return finding('error', id, `${challenge.status} has no WWW-Authenticate`, mend);
  if (!/(^|,)\s*bearer\b/i.test(header))
    return finding('error', id, `WWW-Authenticate offers no Bearer: ${header}`, mend);
  if (named === undefined) return finding('warning', id, `WWW-Authenticate has no resource_metadata: ${header}`, mend);
  if (!place) return finding('error', id, `resource_metadata "${named}" is no URL`, mend);
  if (!place.document)
    return finding(
      'error',
      id,
      `resource_metadata cannot be read: ${told(place)}`,
      'MCP_PUBLIC_URL must be the URL that clients use, with its scheme',
    );
  return finding('ok', id, `${challenge.status} names the resource metadata, which can be read`);
}

async function fetched(visit: Visit, url: URL): Promise<Place> {
  if (!/^https?:$/.test(url.protocol)) return { url, answer: new NoAnswer('it is no http URL'), document: undefined };
  try {
    const answer = await visit.ask(
      { method: 'GET', headers: { accept: 'application/json' } },
      { url, anonymous: true },
    );
    const { status, message, headers } = answer;
    const isDocument = status === 200 && isRecord(message) && /\bjson\b/i.test(headers['content-type'] ?? '');
    return { url, answer, document: isDocument ? (message as Record<string, unknown>) : undefined };
  } catch (error) {
    if (!(error instanceof NoAnswer)) throw error;
    return { url, answer: error, document: undefined };
  }
}

function told({ url, answer }: Place): string {
  if (answer instanceof NoAnswer) return `${url.href}: ${answer.message}`;
  return `${url.href} answers ${answer.status}, ${answer.headers['content-type'] ?? 'no content type'}`;
}

/** Clients compare it with the URL that they were given, character by character. */
function resource(url: URL, named: unknown): Finding {
  const id = 'auth.resource';
  const mend = `MCP_PUBLIC_URL=${url.href}`;
  if (typeof named !== 'string' || !URL.canParse(named))
    return finding('error', id, `The metadata has no resource, but ${JSON.stringify(named) ?? 'nothing'}`, mend);
  if (named === url.href || (url.pathname === '/' && named === url.origin))
    return finding('ok', id, `resource is ${named}`);
  const seen = `resource is ${named}, but the URL is ${url.href}: ${differences(new URL(named), url).join(', ')}`;
  const above =
    new URL(named).origin === url.origin && url.pathname.startsWith(`${new URL(named).pathname.replace(/\/$/, '')}/`);
  if (above) return finding('warning', id, `${seen}; some clients insist on the same`, mend);
  return finding('error', id, seen, mend);
}

/** In what two URLs differ. */
export function differences(one: URL, other: URL): string[] {
  const port = ({ port, protocol }: URL) => port || (protocol === 'https:' ? '443' : '80');
  const differ: string[] = [];
  if (one.protocol !== other.protocol)
    differ.push(`the scheme differs (${one.protocol.slice(0, -1)}, ${other.protocol.slice(0, -1)})`);
  if (one.hostname !== other.hostname) differ.push(`the host differs (${one.hostname}, ${other.hostname})`);
  // That of another scheme differs by itself.
  const implied = one.protocol !== other.protocol && one.port === '' && other.port === '';
  if (!implied && port(one) !== port(other)) differ.push(`the port differs (${port(one)}, ${port(other)})`);
  if (one.pathname !== other.pathname)
    differ.push(
      one.pathname.replace(/\/$/, '') === other.pathname.replace(/\/$/, '')
        ? 'the slash at the end differs'
        : `the path differs (${one.pathname}, ${other.pathname})`,
    );
  if (one.search !== other.search) differ.push('the query differs');
  return differ.length > 0 ? differ : ['they are written differently'];
}

async function servers(visit: Visit, named: unknown): Promise<Finding[]> {
  const id = 'auth.servers';
  const list = Array.isArray(named) ? named.filter((one) => typeof one === 'string') : [];
  if (list.length === 0)
    return [
      finding(
        'error',
        id,
        'The metadata names no authorization_servers: clients do not know where to get a token',
        'MCP_AUTH_ISSUER=https://...',
      ),
    ];
  const found = await Promise.all(
    list.slice(0, MOST_SERVERS).map((issuer) => looked(id, () => issuerFindings(visit, issuer))),
  );
  return found.flat();
}

async function issuerFindings(visit: Visit, issuer: string): Promise<Finding[]> {
  const id = 'auth.servers';
  if (!URL.canParse(issuer))
    return [finding('error', id, `The authorization server "${issuer}" is no URL`, 'MCP_AUTH_ISSUER=https://...')];
  const { protocol, host, pathname, origin } = new URL(issuer);
  if (protocol !== 'https:' && !isLoopback(host))
    return [finding('error', id, `The authorization server ${issuer} is not https`, 'MCP_AUTH_ISSUER=https://...')];
  const path = pathname.replace(/\/$/, '');
  const places = await Promise.all(
    [
      ...new Set([
        `${origin}/.well-known/oauth-authorization-server${path}`,
        `${origin}/.well-known/openid-configuration${path}`,
        `${origin}${path}/.well-known/openid-configuration`,
      ]),
    ].map((place) => fetched(visit, new URL(place))),
  );
  const place = places.find(({ document }) => document);
  if (!place?.document)
    return [
      finding(
        'error',
        id,
        `The authorization server has no metadata: ${places.map(told).join('; ')}`,
        'MCP_AUTH_ISSUER must be the issuer as the authorization server names itself',
      ),
    ];
  const { document } = place;
  const found: Finding[] = [];
  if (document.issuer !== issuer)
    found.push(
      finding(
        'error',
        id,
        `The authorization server ${issuer} calls itself ${JSON.stringify(document.issuer)}`,
        'MCP_AUTH_ISSUER must be the same, a slash at the end included',
      ),
    );
  const methods = document.code_challenge_methods_supported;
  if (!Array.isArray(methods) || !methods.includes('S256'))
    found.push(
      finding(
        'error',
        id,
        `${issuer} has code_challenge_methods_supported ${JSON.stringify(methods) ?? 'absent'}: clients must refuse it`,
        'turn on PKCE with S256 at the authorization server',
      ),
    );
  const registers = typeof document.registration_endpoint === 'string';
  if (!registers && document.client_id_metadata_document_supported !== true)
    found.push(
      finding(
        'warning',
        id,
        `${issuer} has neither client_id_metadata_document_supported nor a registration_endpoint: each client needs an id by hand`,
        'turn on client id metadata documents, or dynamic registration',
      ),
    );
  return found.length > 0
    ? found
    : [finding('ok', id, `The authorization server ${issuer} has metadata, S256 and a way to register`)];
}

// ---- wrong tokens --------------------------------------------------------------------------------

/** Only a token that is none is sent, for what stands in a query stands in logs. */
async function badTokens(visit: Visit, spoken: Spoken, challenge: Answer): Promise<Finding[]> {
  const header: HttpRequest = spoken.harmless();
  const inHeader = await visit.ask(
    { ...header, headers: { ...header.headers, authorization: `Bearer ${NO_TOKEN}` } },
    { anonymous: true },
  );
  const url = new URL(visit.url);
  url.searchParams.set('access_token', NO_TOKEN);
  const inQuery = await visit.ask(spoken.harmless(), { url, anonymous: true });
  const isLetIn = ({ status }: Answer) => status < 400;
  const looks = ({ status, headers }: Answer) => `${status} ${parameter(headers['www-authenticate'], 'error') ?? ''}`;
  const found: Finding[] = [];
  if (isLetIn(inHeader))
    found.push(
      finding(
        'error',
        'auth.bad-token',
        `The token "${NO_TOKEN}" is answered with ${inHeader.status}: tokens are not verified`,
        'verify signature, iss, aud and exp of each token',
      ),
    );
  else if (inHeader.status !== 401)
    found.push(
      finding(
        'warning',
        'auth.bad-token',
        `A wrong token is answered with ${inHeader.status}: clients get a new one at 401 alone`,
        'answer 401 with error="invalid_token"',
      ),
    );
  else if (parameter(inHeader.headers['www-authenticate'], 'error') !== 'invalid_token')
    found.push(
      finding(
        'info',
        'auth.bad-token',
        'A wrong token is answered without error="invalid_token"',
        'WWW-Authenticate: Bearer error="invalid_token", resource_metadata="..."',
      ),
    );
  else found.push(finding('ok', 'auth.bad-token', 'A wrong token is refused with 401, invalid_token'));
  const isRead = isLetIn(inQuery) || (looks(inQuery) === looks(inHeader) && looks(inQuery) !== looks(challenge));
  found.push(
    isRead
      ? finding(
          'error',
          'auth.query',
          `?access_token= is looked at (${looks(inQuery).trim()}): tokens would stand in logs`,
          'take tokens from Authorization alone',
        )
      : looks(inHeader) === looks(challenge)
        ? finding(
            'info',
            'auth.query',
            'Whether ?access_token= is looked at cannot be told: a wrong token is answered like none',
          )
        : finding('ok', 'auth.query', '?access_token= is not looked at'),
  );
  return found;
}

/** A parameter of a challenge. */
function parameter(header: string | undefined, name: string): string | undefined {
  const [, quoted, plain] = new RegExp(`(?:^|[\\s,])${name}=(?:"([^"]*)"|([^\\s,"]+))`, 'i').exec(header ?? '') ?? [];
  return quoted ?? plain;
}

function said({ headers, message }: Answer): string {
  const why = parameter(headers['www-authenticate'], 'error_description') ?? valueAt(message, 'error.message');
  return typeof why === 'string' ? `: ${why}` : '';
}

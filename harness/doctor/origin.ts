/** Who may call: Origin and Host against DNS rebinding, CORS for browsers that may. (2025-11-25, transports, Security Warning.) */

import type { HttpRequest } from '../replay/target.ts';
import { type Finding, finding } from './finding.ts';
import { isLoopback } from './loopback.ts';
import type { Spoken } from './negotiation.ts';
import { send } from './reachability.ts';
import { type Answer, looked, type Visit } from './visit.ts';

const FOREIGN = 'foreign.invalid';
/** What browsers send to an MCP server of either era. */
const SENT = [
  'mcp-session-id',
  'mcp-protocol-version',
  'mcp-method',
  'mcp-name',
  'last-event-id',
  'authorization',
  'content-type',
];

/** @param origin a browser's origin that shall be allowed; the deployment's own is looked at where none is given */
export async function doors(visit: Visit, spoken: Spoken, origin: string | undefined): Promise<Finding[]> {
  const found = await Promise.all([
    looked('origin.foreign', () => foreignOrigin(visit, spoken)),
    looked('origin.allowed', () => allowedOrigin(visit, spoken, origin)),
    looked('origin.host', () => foreignHost(visit, spoken)),
  ]);
  return found.flat();
}

function withOrigin(request: HttpRequest, origin: string): HttpRequest {
  return { ...request, headers: { ...request.headers, origin } };
}

async function foreignOrigin(visit: Visit, spoken: Spoken): Promise<Finding> {
  const id = 'origin.foreign';
  const origin = `https://${FOREIGN}`;
  const { status } = await visit.ask(withOrigin(spoken.harmless(), origin));
  if (status === 403) return finding('ok', id, `Origin ${origin} is refused with 403`);
  if (spoken.refused) return unknown(id, status);
  const mend =
    'MCP_ALLOWED_ORIGINS: name the origins, without "*"; other servers: check Origin before anything else and answer 403';
  if (status >= 400)
    return finding('warning', id, `Origin ${origin} is refused with ${status}, and 403 is what clients know`, mend);
  // A page that is rebound has no token, so that where one is needed it gets nothing.
  const guarded = visit.hasCredentials && (await visit.ask(spoken.harmless(), { anonymous: true })).status === 401;
  const open = `Origin ${origin} is answered with ${status}`;
  if (guarded) return finding('warning', id, `${open}: pages of any origin may call with a token`, mend);
  return finding('error', id, `${open}: any web page may call (DNS rebinding)`, mend);
}

async function allowedOrigin(visit: Visit, spoken: Spoken, given: string | undefined): Promise<Finding[]> {
  const origin = given ?? visit.url.origin;
  const whose = given === undefined ? 'its own origin' : `origin ${given}`;
  const answer = await visit.ask(withOrigin(spoken.harmless(), origin));
  if (answer.status === 403) {
    const mend = given === undefined ? `MCP_ALLOWED_HOSTS=${visit.url.hostname}` : `MCP_ALLOWED_ORIGINS=${given}`;
    return [
      finding(
        given === undefined ? 'warning' : 'error',
        'origin.allowed',
        `A page of ${whose} is refused with 403`,
        mend,
      ),
    ];
  }
  const allowed = answer.headers['access-control-allow-origin'];
  if (allowed === undefined && given === undefined) {
    return [
      finding('ok', 'origin.allowed', 'A page of its own origin may call'),
      finding(
        'info',
        'origin.cors',
        'No CORS headers are sent: pages of other origins cannot call; --origin <origin> looks at one',
      ),
    ];
  }
  return [
    finding('ok', 'origin.allowed', `A page of ${whose} may call`),
    ...(await looked('origin.preflight', () => preflight(visit, origin, given))),
    exposed(answer, spoken, origin, given),
  ];
}

async function preflight(visit: Visit, origin: string, given: string | undefined): Promise<Finding> {
  const id = 'origin.preflight';
  const level = given === undefined ? 'warning' : 'error';
  const { status, headers } = await visit.ask(
    {
      method: 'OPTIONS',
      headers: { origin, 'access-control-request-method': 'DELETE', 'access-control-request-headers': SENT.join(', ') },
    },
    // A browser sends no token with it.
    { anonymous: true },
  );
  const mend = `answer OPTIONS before the token is asked for, with Access-Control-Allow-Headers: ${SENT.join(', ')}`;
  if (status >= 300) return finding(level, id, `The preflight of ${origin} is answered with ${status}`, mend);
  const allowed = headers['access-control-allow-origin'] ?? 'absent';
  if (allowed !== origin && allowed !== '*')
    return finding(level, id, `The preflight of ${origin} has Access-Control-Allow-Origin ${allowed}`, mend);
  const names = namesIn(headers['access-control-allow-headers']);
  // "*" stands for all but Authorization (Fetch, CORS-unsafe request-header names).
  const lacking = SENT.filter((name) => !names.has(name) && !(names.has('*') && name !== 'authorization'));
  if (lacking.length > 0)
    return finding(level, id, `The preflight of ${origin} does not allow ${lacking.join(', ')}`, mend);
  const methods = namesIn(headers['access-control-allow-methods']);
  if (!methods.has('delete') && !methods.has('*'))
    return finding(
      'warning',
      id,
      'The preflight does not allow DELETE: pages cannot end their sessions',
      'Access-Control-Allow-Methods: POST, GET, DELETE, OPTIONS',
    );
  return finding('ok', id, `The preflight of ${origin} allows all headers of the protocol`);
}

/** On the answer itself, not on the preflight: there a browser looks for it. */
function exposed({ headers }: Answer, spoken: Spoken, origin: string, given: string | undefined): Finding {
  const id = 'origin.exposed';
  const level = given === undefined ? 'warning' : 'error';
  const allowed = headers['access-control-allow-origin'] ?? 'absent';
  if (allowed !== origin && allowed !== '*')
    return finding(
      level,
      id,
      `An answer to ${origin} has Access-Control-Allow-Origin ${allowed}`,
      `MCP_ALLOWED_ORIGINS=${origin}`,
    );
  const names = namesIn(headers['access-control-expose-headers']);
  const needed = [...(spoken.session?.id === undefined ? [] : ['mcp-session-id']), 'www-authenticate'];
  const lacking = needed.filter((name) => !names.has(name) && !names.has('*'));
  if (lacking.length === 0) return finding('ok', id, `Answers let pages read ${needed.join(', ')}`);
  return finding(
    level,
    id,
    `Answers do not let pages read ${lacking.join(', ')}: Access-Control-Expose-Headers is ${headers['access-control-expose-headers'] ?? 'absent'}`,
    `Access-Control-Expose-Headers: ${needed.join(', ')} on every answer; nginx: no proxy_hide_header for it, add_header ... always`,
  );
}

async function foreignHost({ url }: Visit, spoken: Spoken): Promise<Finding> {
  const id = 'origin.host';
  const seen = await send(url, spoken.harmless(), { host: FOREIGN });
  if (typeof seen === 'string') return finding('ok', id, `Host ${FOREIGN} gets no answer: ${seen}`);
  const { status } = seen;
  if (status === 403) return finding('ok', id, `Host ${FOREIGN} is refused with 403`);
  if (status === 401) return unknown(id, status);
  if (status >= 300) return finding('ok', id, `Host ${FOREIGN} is refused with ${status}`);
  return finding(
    isLoopback(url.host) ? 'error' : 'info',
    id,
    `Host ${FOREIGN} is answered with ${status}${isLoopback(url.host) ? ': a name bound to 127.0.0.1 reaches it (DNS rebinding)' : ''}`,
    `MCP_ALLOWED_HOSTS=${url.hostname}; nginx: a default_server with return 421`,
  );
}

function unknown(id: string, status: number): Finding {
  return finding(
    'info',
    id,
    `It was refused with ${status} before that could be seen; a token lets it be: --header "authorization: Bearer ..."`,
  );
}

function namesIn(header = ''): Set<string> {
  return new Set(header.split(',').map((name) => name.trim().toLowerCase()));
}

/** Which revisions a deployment speaks, and what its session ids are worth. */

import { isRecord, valueAt } from '../replay/match.ts';
import { CLIENT, capabilitiesOf, type Session } from '../replay/protocol.ts';
import type { Revision } from '../replay/scenario.ts';
import type { HttpRequest } from '../replay/target.ts';
import { type Finding, finding } from './finding.ts';
import { type Answer, looked, STATEFUL, STATELESS, type Visit } from './visit.ts';

export interface Spoken {
  /** Absent where no revision with `initialize` is spoken. */
  readonly session?: Session;
  readonly stateless: boolean;
  /** The answer of a deployment that lets nobody in without a token, or not with this one. */
  readonly refused?: Answer;
  /** The answer to the handshake. */
  readonly answer: Answer;
  /** A request that changes nothing and begins no session. */
  harmless(): HttpRequest;
}

/** Fewer bits that differ between two session ids can be guessed. */
const LEAST_BITS = 64;

/** The first request of a visit: it begins no session, whatever is spoken. */
export function discover(visit: Visit): HttpRequest {
  return visit.message('server/discover', { revision: STATELESS });
}

/** @param discovered the answer to `discover` @throws NoAnswer */
export async function negotiate(visit: Visit, discovered: Answer): Promise<{ spoken: Spoken; found: Finding[] }> {
  const initialized = await initialize(visit);
  const version = valueAt(initialized.message, 'result.protocolVersion');
  const stateless = isRecord(valueAt(discovered.message, 'result'));
  const session: Session | undefined =
    typeof version === 'string'
      ? {
          id: initialized.headers['mcp-session-id'],
          negotiated: version as Revision,
          capabilities: capabilitiesOf(STATEFUL),
        }
      : undefined;
  if (session)
    await visit.ask(visit.message('notifications/initialized', { revision: STATEFUL, session, notify: true }));
  // A 403 without a challenge has nothing to do with tokens: it is of a Host, or of a firewall.
  const refused = [initialized, discovered].find(
    ({ status, headers }) => status === 401 || (status === 403 && headers['www-authenticate'] !== undefined),
  );
  const spoken: Spoken = {
    ...(session && { session }),
    stateless,
    ...(refused && !session && !stateless && { refused }),
    answer: session ? initialized : discovered,
    harmless: () => (session && !stateless ? visit.message('ping', { revision: STATEFUL, session }) : discover(visit)),
  };
  if (spoken.refused) return { spoken, found: [] };
  if (!session && !stateless) return { spoken, found: [notMcp(visit.url, initialized)] };
  const found = [
    session
      ? finding('ok', 'speak.stateful', `initialize is answered with ${session.negotiated}`)
      : finding(
          'info',
          'speak.stateful',
          `initialize is answered with ${initialized.status}: clients of 2025 cannot come`,
        ),
    stateless
      ? finding(
          'ok',
          'speak.stateless',
          `server/discover names ${listed(valueAt(discovered.message, 'result.supportedVersions'))}`,
        )
      : finding(
          'info',
          'speak.stateless',
          `server/discover is answered with ${discovered.status}: ${STATELESS} is not spoken`,
        ),
    ...(session ? await looked('speak.session-id', () => sessionIds(visit, session.id)) : []),
  ];
  return { spoken, found };
}

function initialize(visit: Visit): Promise<Answer> {
  const params = { protocolVersion: STATEFUL, capabilities: capabilitiesOf(STATEFUL), clientInfo: CLIENT };
  return visit.ask(visit.message('initialize', { revision: STATEFUL, params }));
}

function notMcp(url: URL, { status, headers, message, text }: Answer): Finding {
  const told = valueAt(message, 'error.message');
  const path = 'the URL needs the path of the endpoint (MCP_PATH, /mcp); look at whether the proxy strips or adds one';
  const mends: Record<number, string> = {
    403: `MCP_ALLOWED_HOSTS=${url.hostname}, or the rule of the proxy that forbids it`,
    404: path,
    405: path,
    502: 'the proxy does not reach the server: look at its upstream, at MCP_HOST and MCP_PORT',
    503: 'the server is draining or full: look at /readyz',
  };
  const what = typeof told === 'string' ? told : text.slice(0, 80).replaceAll(/\s+/g, ' ');
  return finding(
    'error',
    'speak.stateful',
    `No MCP server answers at ${url.pathname}: initialize is answered with ${status}, ${headers['content-type'] ?? 'no content type'}, ${JSON.stringify(what)}`,
    mends[status] ?? 'look at the log of the server and at the upstream of the proxy',
  );
}

async function sessionIds(visit: Visit, id: string | undefined): Promise<Finding> {
  if (id === undefined)
    return finding(
      'info',
      'speak.session-id',
      'No session ids are given: no stream of the server, no resumption (MCP_STATELESS)',
    );
  if (!/^[\x21-\x7e]+$/.test(id))
    return finding(
      'error',
      'speak.session-id',
      'The session id has other characters than visible ASCII',
      'generate it from 0x21 to 0x7E',
    );
  const other = (await initialize(visit)).headers['mcp-session-id'] ?? '';
  const bits = Math.round(differingBits(id, other));
  if (bits < LEAST_BITS)
    return finding(
      'error',
      'speak.session-id',
      `Two session ids of ${id.length} characters differ in ${bits} bits: others can be guessed`,
      'generate ids by crypto.randomUUID() or from 128 random bits',
    );
  return finding(
    'ok',
    'speak.session-id',
    `Session ids of ${id.length} characters, of which two differ in ${bits} bits`,
  );
}

/** How many bits tell two ids apart: the places that differ, each worth what its alphabet can say. */
export function differingBits(one: string, other: string): number {
  const length = Math.max(one.length, other.length);
  const places = Array.from({ length }, (_, at) => at).filter((at) => one[at] !== other[at]);
  const used = places.map((at) => `${one[at] ?? ''}${other[at] ?? ''}`).join('');
  const size = /^\d*$/.test(used) ? 10 : /^[\da-f]*$/i.test(used) ? 16 : /^[\da-z]*$/.test(used) ? 36 : 64;
  return places.length * Math.log2(size);
}

function listed(versions: unknown): string {
  return Array.isArray(versions) ? versions.join(', ') : 'no versions';
}

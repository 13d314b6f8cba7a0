/** All that is looked at of a deployment by its URL, bounded in time; nothing is left behind. */

import { monotonic } from '../replay/clock.ts';
import { NoAnswer } from '../replay/exchanges.ts';
import type { RemoteValues } from '../replay/remote.ts';
import { answers } from './answers.ts';
import { authorization } from './authorization.ts';
import { type Finding, finding } from './finding.ts';
import { discover, negotiate } from './negotiation.ts';
import { operations } from './operator.ts';
import { doors } from './origin.ts';
import { redirected, transport, unreachable } from './reachability.ts';
import { openStreams, watch } from './streams.ts';
import { type Answer, looked, Visit } from './visit.ts';

export interface DeploymentOptions extends RemoteValues {
  /** A browser's origin that shall be allowed. */
  readonly origin?: string | undefined;
  /** How long idle streams are watched, s; default until the first heartbeat, at most to the end of the visit. */
  readonly wait?: number;
  /** How long a visit may take where `wait` is not longer, ms; default 9000. */
  readonly limit?: number;
}

export interface Examined {
  readonly findings: Finding[];
  readonly reachable: boolean;
  /** What must be in no output. */
  readonly secrets: readonly string[];
}

const VISIT_MS = 9000;

/** @throws Usage, BadFile */
export async function examine(address: string, options: DeploymentOptions = {}): Promise<Examined> {
  const { wait = 0, limit = VISIT_MS } = options;
  const until = monotonic.now() + Math.max(limit, wait * 1000);
  const end = new AbortController();
  const timer = setTimeout(() => end.abort(), until + 300 - monotonic.now());
  const findings: Finding[] = [];
  let visit = new Visit(address, options, end.signal);
  const { secrets } = visit;
  try {
    let first = await knock(visit);
    if (first instanceof NoAnswer) return { findings: [unreachable(visit.url, first)], reachable: false, secrets };
    if (first.status >= 300 && first.status < 400) {
      const { found, to } = redirected(visit, first);
      findings.push(found);
      if (!to) return { findings, reachable: true, secrets };
      visit = new Visit(to.href, options, end.signal);
      first = await knock(visit);
      if (first instanceof NoAnswer)
        return { findings: [...findings, unreachable(to, first)], reachable: true, secrets };
      if (first.status >= 300 && first.status < 400) return { findings, reachable: true, secrets };
    }
    findings.push(finding('ok', 'reach.answer', `${visit.url.origin} answers after ${Math.round(first.ms)} ms`));
    findings.push(...(await everything(visit, first, options, until)));
    return { findings, reachable: true, secrets };
  } finally {
    clearTimeout(timer);
    const ended = await visit.close();
    if (ended !== undefined && ended >= 400)
      findings.push(
        finding('info', 'speak.delete', `DELETE of a session is answered with ${ended}: clients cannot end theirs`),
      );
  }
}

function knock(visit: Visit): Promise<Answer | NoAnswer> {
  return visit.ask(discover(visit)).catch((error: unknown) => {
    if (error instanceof NoAnswer) return error;
    throw error;
  });
}

async function everything(visit: Visit, first: Answer, options: DeploymentOptions, until: number): Promise<Finding[]> {
  let negotiated: Awaited<ReturnType<typeof negotiate>>;
  try {
    negotiated = await negotiate(visit, first);
  } catch (error) {
    if (!(error instanceof NoAnswer)) throw error;
    return [
      finding(
        'error',
        'speak.stateful',
        `initialize has no answer: ${error.message}`,
        'look at the log of the server and at the upstream of the proxy',
      ),
    ];
  }
  const { spoken, found } = negotiated;
  const known = spoken.session || spoken.stateless || spoken.refused;
  if (!known) return found;
  // Before the rest, so that nothing else takes the time that is measured.
  const { streams, found: opened } = await openStreams(visit, spoken);
  const { wait = 0 } = options;
  const rest = await Promise.all([
    looked('reach.keep-alive', () => transport(visit)),
    doors(visit, spoken, options.origin),
    authorization(visit, spoken),
    spoken.refused ? [] : answers(visit, spoken),
    operations(visit),
    Promise.all(streams.map((stream) => watch(stream, until, wait > 0))),
  ]);
  return [...found, ...opened, ...rest.flat()];
}

/** What only the operator should see: `/health`, `/livez`, `/readyz`, `/metrics`. */

import { isRecord } from '../replay/match.ts';
import { type Finding, finding } from './finding.ts';
import { isLoopback } from './loopback.ts';
import { type Answer, looked, type Visit } from './visit.ts';

/** Members of a health report that tell of the inside. */
const DETAILS = /mem|heap|rss|cpu|load|lag|session|stream|calls|connection|host|pid|env|disk|database|redis|upstream/i;
const METRICS = /^(# (HELP|TYPE) |[a-z_:][\w:]*(\{[^}]*\})? [\d.eE+-]+(inf|nan)?$)/im;
const FORWARDED = { 'x-forwarded-for': '203.0.113.7' };

export async function operations(visit: Visit): Promise<Finding[]> {
  const found = await Promise.all([
    looked('operator.metrics', () => secret(visit, '/metrics')),
    looked('operator.health', () => secret(visit, '/health')),
    looked('operator.livez', () => probe(visit, '/livez')),
    looked('operator.readyz', () => probe(visit, '/readyz')),
  ]);
  return found.flat();
}

function get(visit: Visit, path: string, headers: Record<string, string> = {}): Promise<Answer> {
  return visit.ask({ method: 'GET', headers }, { url: visit.beside(path), anonymous: true });
}

/** On loopback the operator may read all; who comes through a proxy there is looked at as anybody. */
async function secret(visit: Visit, path: string): Promise<Finding> {
  const id = `operator.${path.slice(1)}`;
  const local = isLoopback(visit.url.host);
  const answer = await get(visit, path, local ? FORWARDED : {});
  const { status } = answer;
  const told = path === '/metrics' ? metricsIn(answer) : detailsIn(answer);
  const mend = `MCP_METRICS_TOKEN; or nginx: location = ${path} { deny all; }`;
  if (told === undefined) return finding('ok', id, `${path} tells nobody of the inside (${status})`);
  if (local)
    return finding('info', id, `${path} tells ${told} on loopback, to who says that a proxy sent it too`, mend);
  return finding('error', id, `${path} tells anybody ${told}`, mend);
}

function metricsIn({ status, text, message }: Answer): string | undefined {
  if (status !== 200 || message !== undefined) return undefined;
  const lines = text.split('\n').filter((line) => METRICS.test(line));
  return lines.length > 0 && !/^\s*</.test(text) ? `${lines.length} lines of metrics` : undefined;
}

function detailsIn({ status, message }: Answer): string | undefined {
  if (status >= 400 || !isRecord(message)) return undefined;
  const names = Object.keys(message).filter((name) => DETAILS.test(name));
  return names.length > 0 ? names.slice(0, 5).join(', ') : undefined;
}

async function probe(visit: Visit, path: string): Promise<Finding> {
  const id = `operator.${path.slice(1)}`;
  const { status, text, headers } = await get(visit, path);
  const isPage = /^text\/html/i.test(headers['content-type'] ?? '');
  if (status === 200 && !isPage) return finding('ok', id, `${path} is 200`);
  if (status === 503)
    return finding(
      'warning',
      id,
      `${path} is 503: ${text.slice(0, 120).replaceAll(/\s+/g, ' ')}`,
      'look at what it waits for; a balancer sends nothing there now',
    );
  return finding(
    'info',
    id,
    `${path} is ${isPage ? 'a page' : status}, seen from here: a balancer has to ask the server itself`,
  );
}

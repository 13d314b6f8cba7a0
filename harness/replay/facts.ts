/** What a target is found to be, asked once before any scenario is run, and what a scenario asks of it. */

import { Exchanges } from './exchanges.ts';
import { isRecord, valueAt } from './match.ts';
import type { Verdict } from './outcome.ts';
import { CLIENT, capabilitiesOf, isStateless } from './protocol.ts';
import { inRange, REVISIONS, type Revision, type Scenario } from './scenario.ts';
import type { Target } from './target.ts';

export interface Facts {
  revision: Revision;
  /** It gives sessions. */
  session: boolean;
  /** Its streams have event ids. */
  resumption: boolean;
  capabilities: Record<string, unknown>;
  /** The entries of its lists, as they came. */
  tools: readonly Record<string, unknown>[];
  prompts: readonly Record<string, unknown>[];
  resources: readonly Record<string, unknown>[];
  templates: readonly Record<string, unknown>[];
}

/** What a scenario's fixture is on a target. */
export type Fixture = (
  | { readonly tool: string; readonly args: Readonly<Record<string, unknown>> }
  | { readonly prompt: string; readonly args: Readonly<Record<string, unknown>> }
  | { readonly resource: string }
  | { readonly template: string; readonly uri: string }
) & {
  /** Those that a caller needs for it, all of them. */
  readonly scopes?: readonly string[] | undefined;
};

/** Fixtures of scenarios by the names that the target has for them. */
export type Bind = Readonly<Record<string, Fixture>>;

const LIMIT_MS = 10_000;
/** How long an event stream may take to tell its first event id. */
const FIRST_EVENT_MS = 1000;
const MOST_PAGES = 20;

/**
 * Asks what the target offers at a revision.
 * @returns undefined where it says in a legal way that it does not speak it. A target that answers anything else is taken to
 * speak it, so that the scenarios find what is wrong.
 * @throws Error when it does not answer at all, or as no MCP server does
 */
export async function factsOf(target: Target, revision: Revision, limit_ms = LIMIT_MS): Promise<Facts | undefined> {
  const known = { sessionIds: new Set<string>(), server: undefined, outputSchemas: new Map() };
  const exchanges = new Exchanges(target, revision, new Map(), known, limit_ms);
  try {
    return await asked(exchanges, revision);
  } finally {
    await exchanges.close();
  }
}

/**
 * What a target offers at each revision, in their order; what did not answer at one is taken to speak it.
 * @returns the first reason where it answers at none
 */
export async function factsAt(
  target: Target,
  revisions: readonly Revision[],
  limit_ms?: number,
): Promise<(Facts | undefined)[] | Error> {
  const silent: Error[] = [];
  const facts = await Promise.all(
    revisions.map((revision) =>
      factsOf(target, revision, limit_ms).catch((error: unknown) => {
        silent.push(error instanceof Error ? error : new Error(String(error)));
        return nothingOf(revision);
      }),
    ),
  );
  return silent.length === revisions.length ? (silent[0] as Error) : facts;
}

/** What is known of a target that told nothing of a revision. */
export function nothingOf(revision: Revision): Facts {
  const lists = { tools: [], prompts: [], resources: [], templates: [] };
  return { revision, session: false, resumption: false, capabilities: {}, ...lists };
}

/** Errors by which a server says that it does not know a method or a revision. */
const REFUSALS = [-32601, -32602, -32600, -32022, -32020, -32000];

async function asked(exchanges: Exchanges, revision: Revision): Promise<Facts | undefined> {
  const params = { protocolVersion: revision, capabilities: capabilitiesOf(revision), clientInfo: CLIENT };
  const discover = (id?: string) =>
    exchanges.exchange('post', {
      rpc: isStateless(revision) ? { method: 'server/discover', id } : { method: 'initialize', id, params },
    });
  let discovered = await discover();
  if (!isRecord(valueAt(discovered.rpc, 'result'))) {
    // Whoever refuses numbers as ids speaks the revision all the same, and badly.
    const again = await discover('mcp-replay');
    if (isRecord(valueAt(again.rpc, 'result'))) discovered = again;
  }
  const { rpc, arrivals } = discovered;
  const result = valueAt(rpc, 'result');
  if (!isRecord(result)) {
    const { status, headers } = arrivals.answer;
    if (status >= 300 && status < 400) throw new Error(`it redirects to ${headers.location ?? 'nowhere'}`);
    if (/^text\/html\b/i.test(headers['content-type'] ?? ''))
      throw new Error(`it answered ${status} with a page of HTML`);
    const told = REFUSALS.includes(Number(valueAt(rpc, 'error.code'))) && status < 500 && ![401, 403].includes(status);
    const refused = told || [400, 404, 405, 406, 415].includes(status);
    return refused && !(await isModern(exchanges, revision)) ? undefined : nothingOf(revision);
  }
  const { supportedVersions, protocolVersion } = result;
  const others = REVISIONS.filter((known) => known !== revision);
  const spoken = isStateless(revision)
    ? !Array.isArray(supportedVersions) ||
      supportedVersions.includes(revision) ||
      // Who does not name it may speak it all the same, and badly.
      !(
        supportedVersions.some((one) => typeof one === 'string' && one > revision) ||
        (await refusesRevision(exchanges, revision))
      )
    : // One that does not exist is no other revision but a fault.
      !others.some((known) => known === protocolVersion);
  if (!spoken) return undefined;
  const session = arrivals.answer.headers['mcp-session-id'];
  if (!isStateless(revision)) {
    exchanges.begin('', session, params.capabilities);
    await exchanges.exchange('post', { rpc: { notify: 'notifications/initialized' } }).catch(() => {});
  }
  const capabilities = isRecord(result.capabilities) ? result.capabilities : {};
  const list = async (capability: string, method: string, member: string) => {
    const entries: Record<string, unknown>[] = [];
    let cursor: unknown;
    for (let page = 0; capabilities[capability] !== undefined && page < MOST_PAGES; page++) {
      const more = cursor === undefined ? {} : { params: { cursor } };
      // Whoever shook hands is tested: that a list hangs is for the scenarios to tell.
      const listed = await exchanges.exchange('post', { rpc: { method, ...more } }).catch(() => ({ rpc: undefined }));
      const found = valueAt(listed.rpc, `result.${member}`);
      if (Array.isArray(found)) entries.push(...found.filter(isRecord));
      const next = valueAt(listed.rpc, 'result.nextCursor');
      if (typeof next !== 'string' || next === cursor) break;
      cursor = next;
    }
    return entries;
  };
  const tools = await list('tools', 'tools/list', 'tools');
  const prompts = await list('prompts', 'prompts/list', 'prompts');
  const resources = await list('resources', 'resources/list', 'resources');
  const templates = await list('resources', 'resources/templates/list', 'resourceTemplates');
  let resumption = false;
  if (session !== undefined) {
    const opened = await exchanges.open('get', {}).catch(() => undefined);
    if (opened?.isStream) {
      const end = exchanges.clock.now() + FIRST_EVENT_MS;
      while (exchanges.eventIds.length === 0 && !opened.ended) {
        const left = end - exchanges.clock.now();
        if (left <= 0 || !(await opened.next(left))) break;
      }
      // Some have an id only where there is something to tell, such as the answers above.
      resumption = exchanges.eventIds.length > 0;
    }
    opened?.cut();
  }
  return { revision, session: session !== undefined, resumption, capabilities, tools, prompts, resources, templates };
}

/** A server may serve 2026-07-28 and fail only to say so. */
async function isModern(exchanges: Exchanges, revision: Revision): Promise<boolean> {
  if (!isStateless(revision)) return false;
  const { rpc } = await exchanges.exchange('post', { rpc: { method: 'tools/list' } });
  return valueAt(rpc, 'result.resultType') !== undefined;
}

/** Whether a request of this revision is refused, and others are named instead. */
async function refusesRevision(exchanges: Exchanges, revision: Revision): Promise<boolean> {
  const { rpc } = await exchanges.exchange('post', { rpc: { method: 'tools/list' } });
  const supported = valueAt(rpc, 'error.data.supported');
  return valueAt(rpc, 'error.code') === -32022 && Array.isArray(supported) && !supported.includes(revision);
}

/** Whether the target has what a name is bound to. */
export function has(facts: Facts, fixture: Fixture | undefined): boolean {
  const named = (list: readonly Record<string, unknown>[], member: string, name: string) =>
    list.some((entry) => entry[member] === name);
  if (!fixture) return false;
  if ('tool' in fixture) return named(facts.tools, 'name', fixture.tool);
  if ('prompt' in fixture) return named(facts.prompts, 'name', fixture.prompt);
  if ('resource' in fixture) return named(facts.resources, 'uri', fixture.resource);
  return named(facts.templates, 'uriTemplate', fixture.template);
}

/** Why a scenario cannot be run on a target, if it cannot. */
export function prevented(
  { requires = {}, revisions }: Scenario,
  target: Target,
  facts: Facts,
  bind: Bind,
): [Verdict, string] | undefined {
  const {
    tokens = [],
    terms = [],
    session,
    resumption,
    capabilities = [],
    fixtures = [],
    hooks = [],
    nodes = [],
    target: abilities = [],
  } = requires;
  if (!inRange(facts.revision, revisions)) return ['skip', `is for revisions ${revisions}`];
  if (tokens.length > 0 && !target.tokens) return ['untestable', 'no tokens are given'];
  const unsaid = terms.find((name) => !target.terms?.has(name));
  if (unsaid !== undefined) return ['untestable', `the operator says nothing of "${unsaid}"`];
  if (session && !facts.session) return ['skip', 'the server gives no session ids'];
  if (resumption && !facts.resumption) return ['skip', 'the server gives no event ids'];
  const lacking = capabilities.find((name) => !declares(facts.capabilities, name));
  if (lacking !== undefined) return ['skip', `the server does not declare "${lacking}"`];
  const unbound = fixtures.find((name) => !has(facts, bind[name]));
  if (unbound !== undefined) return ['untestable', `the server has nothing that is bound to "${unbound}"`];
  const unhooked = hooks.find((name) => !target.hooks?.has(name));
  if (unhooked !== undefined) return ['untestable', `nothing is bound to the hook "${unhooked}"`];
  const alone = nodes.find((name) => !target.nodes?.has(name));
  if (alone !== undefined) return ['untestable', `the target has no node "${alone}"`];
  const unable = abilities.find((one) => !target.can.has(one));
  return unable === undefined ? undefined : ['untestable', `this kind of target cannot do "${unable}"`];
}

function declares(capabilities: Record<string, unknown>, name: string): boolean {
  const value = valueAt(capabilities, name);
  return isRecord(value) || value === true;
}

/** Requests of a server to its client. */

import { isRecord, show } from '../match.ts';
import { clientDeclares } from './capabilities.ts';
import { checkElicitation } from './elicitation.ts';
import type { Heard } from './heard.ts';
import { checkMeta } from './meta.ts';
import { checkSampling } from './sampling.ts';
import { checkClientTask } from './tasks.ts';

/** What a client must have declared to be asked, and since when it can be. */
const REQUESTS: Record<string, { capability?: string; since?: string } | undefined> = {
  ping: {},
  'sampling/createMessage': { capability: 'sampling' },
  'roots/list': { capability: 'roots' },
  'elicitation/create': { capability: 'elicitation', since: '2025-06-18' },
  'tasks/get': { since: '2025-11-25' },
  'tasks/result': { since: '2025-11-25' },
  'tasks/list': { since: '2025-11-25' },
  'tasks/cancel': { since: '2025-11-25' },
};
const OF_CLIENTS: readonly string[] = [
  'initialize',
  'server/discover',
  'tools/list',
  'tools/call',
  'prompts/list',
  'prompts/get',
  'resources/list',
  'resources/templates/list',
  'resources/read',
  'resources/subscribe',
  'resources/unsubscribe',
  'subscriptions/listen',
  'completion/complete',
  'logging/setLevel',
  'tasks/update',
];
/** What a client must have declared for a request to be made a task of. */
const TASKS: Record<string, string | undefined> = {
  'sampling/createMessage': 'tasks.requests.sampling.createMessage',
  'elicitation/create': 'tasks.requests.elicitation.create',
  'tasks/get': 'tasks',
  'tasks/result': 'tasks',
  'tasks/list': 'tasks.list',
  'tasks/cancel': 'tasks.cancel',
};

/** Methods that mean nothing without a response. */
export function isRequestMethod(method: string): boolean {
  return Object.hasOwn(REQUESTS, method) || OF_CLIENTS.includes(method);
}

export function checkRequest(heard: Heard, method: string, given: unknown): void {
  if (heard.modern) {
    heard.tell('server-request', 'method', `${show(method)} was sent as a request`);
    return;
  }
  const known = Object.hasOwn(REQUESTS, method) ? REQUESTS[method] : undefined;
  if (!known) {
    if (OF_CLIENTS.includes(method)) heard.tell('client-method', 'method', `${method} is sent by clients only`);
    else heard.tell('unknown-request', 'method', `${show(method)} is none of the specification`);
    return;
  }
  const { capability, since = '' } = known;
  if (heard.revision < since) {
    heard.tell('method-of-revision', 'method', `${method} is not of ${heard.revision}`);
    return;
  }
  if (capability !== undefined && !clientDeclares(heard, capability))
    heard.tell('client-capability', 'method', `${method} came, and the client did not declare ${capability}`);
  const params = isRecord(given) ? given : {};
  checkMeta(heard, params._meta, 'params._meta');
  const token = isRecord(params._meta) ? params._meta.progressToken : undefined;
  if (token !== undefined && typeof token !== 'string' && !Number.isInteger(token))
    heard.tell('request-params', 'params._meta.progressToken', `must be a text or an integer, got ${show(token)}`);
  if (method === 'elicitation/create') checkElicitation(heard, given, 'params');
  else if (method === 'sampling/createMessage') checkSampling(heard, given, 'params');
  else if (method.startsWith('tasks/')) checkTaskParams(heard, method, params);
  const task = TASKS[method];
  if (task === undefined || heard.revision < '2025-11-25') return;
  if (method.startsWith('tasks/') || params.task !== undefined) checkClientTask(heard, task, 'params');
}

function checkTaskParams(heard: Heard, method: string, { taskId, cursor }: Record<string, unknown>): void {
  if (method !== 'tasks/list' && typeof taskId !== 'string')
    heard.tell('request-params', 'params.taskId', `must be a text, got ${show(taskId)}`);
  if (method === 'tasks/list' && cursor !== undefined && typeof cursor !== 'string')
    heard.tell('request-params', 'params.cursor', `must be a text, got ${show(cursor)}`);
}

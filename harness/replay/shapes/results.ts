/** Results, by the method of the request that they answer. */

import { CompleteResultSchema } from '@modelcontextprotocol/core';
import { isRecord, show, valueAt } from '../match.ts';
import { META } from '../protocol.ts';
import { declaresTasks, serverDeclares } from './capabilities.ts';
import { checkImplementation } from './display.ts';
import { checkDiscover, checkInitialize } from './handshake.ts';
import type { Heard } from './heard.ts';
import { checkInputRequired } from './input-required.ts';
import { checkList } from './lists.ts';
import { checkMeta } from './meta.ts';
import { checkSubscriptionId } from './notifications.ts';
import { fits } from './official.ts';
import { checkPrompt, checkPromptResult } from './prompts.ts';
import { checkRead, checkResource, checkResourceTemplate } from './resources.ts';
import { checkCreatedTask, checkModernCreated, checkModernTaskAnswer, checkTask, checkTaskAnswer } from './tasks.ts';
import { checkToolResult } from './tool-result.ts';
import { checkTool } from './tools.ts';

type Result = Record<string, unknown>;

const CACHEABLE = [
  'server/discover',
  'tools/list',
  'prompts/list',
  'resources/list',
  'resources/templates/list',
  'resources/read',
];
const TAKES_INPUT = ['tools/call', 'resources/read', 'prompts/get'];
/** Methods that 2026-07-28 no longer has. */
const REMOVED = [
  'initialize',
  'ping',
  'logging/setLevel',
  'resources/subscribe',
  'resources/unsubscribe',
  'tasks/list',
  'tasks/result',
];
const MODERN_MEMBERS = ['resultType', 'ttlMs', 'cacheScope', 'inputRequests', 'requestState'];
/** The capability that a result shows to be there, and where the result would show it. */
const FEATURES: Record<string, { capability: string; shown?: string } | undefined> = {
  'tools/list': { capability: 'tools', shown: 'tools' },
  'tools/call': { capability: 'tools' },
  'prompts/list': { capability: 'prompts', shown: 'prompts' },
  'prompts/get': { capability: 'prompts' },
  'resources/list': { capability: 'resources', shown: 'resources' },
  'resources/templates/list': { capability: 'resources', shown: 'resourceTemplates' },
  'resources/read': { capability: 'resources' },
  'completion/complete': { capability: 'completions', shown: 'completion.values' },
};

export function checkResult(heard: Heard, result: Result): void {
  const path = 'result';
  const method = heard.request?.method;
  checkMeta(heard, result._meta, `${path}._meta`);
  if (heard.modern) checkModernResult(heard, method, result, path);
  else checkLegacyResult(heard, method, result, path);
  checkFeature(heard, method, result, path);
}

/** An empty list is served without a capability to be kind to clients that ask all the same. */
function checkFeature(heard: Heard, method: string | undefined, result: Result, path: string): void {
  const feature = method !== undefined && Object.hasOwn(FEATURES, method) ? FEATURES[method] : undefined;
  if (!feature || serverDeclares(heard, feature.capability)) return;
  const { capability, shown } = feature;
  const entries = shown === undefined ? [result] : valueAt(result, shown);
  if (Array.isArray(entries) && entries.length > 0)
    heard.tell('feature-declared', path, `answers ${method}, and the server did not declare ${capability}`);
}

function checkLegacyResult(heard: Heard, method: string | undefined, result: Result, path: string): void {
  for (const member of MODERN_MEMBERS)
    if (result[member] !== undefined) heard.tell('modern-members', path, `has ${member}, which is of 2026-07-28`);
  if (method === 'ping') {
    const more = Object.keys(result).find((member) => member !== '_meta' && !MODERN_MEMBERS.includes(member));
    if (more !== undefined) heard.tell('ping-empty', path, `must be empty, has ${show(more)}`);
  } else if (method === 'initialize') checkInitialize(heard, result, path);
  else if (method === 'tools/call' && result.task !== undefined && result.content === undefined)
    checkCreatedTask(heard, result, path);
  else if (method?.startsWith('tasks/')) {
    if (heard.revision !== '2025-11-25') return;
    checkTaskAnswer(heard, method, result, path);
    if (method === 'tasks/list') checkList(heard, result, path, 'tasks', 'taskId', checkTask);
  } else {
    const empty = ['logging/setLevel', 'resources/subscribe', 'resources/unsubscribe'];
    if (method !== undefined && empty.includes(method)) checkEmpty(heard, result, path);
    checkCommonResult(heard, method, result, path);
  }
}

function checkModernResult(heard: Heard, method: string | undefined, result: Result, path: string): void {
  const { resultType } = result;
  checkServerInfo(heard, result, path);
  if (method !== undefined && REMOVED.includes(method)) {
    heard.tell('method-removed', path, `answers ${method}, which this revision does not have`);
    return;
  }
  checkCaching(heard, method, result, path);
  if (typeof resultType !== 'string')
    heard.tell('result-type', `${path}.resultType`, `must be a text, got ${show(resultType)}`);
  else if (resultType === 'input_required') {
    if (method !== undefined && !TAKES_INPUT.includes(method))
      heard.tell('input-required-method', path, `of ${method} needs input`);
    checkInputRequired(heard, result, path);
    return;
  } else if (resultType === 'task') {
    checkModernTaskResult(heard, method, result, path);
    return;
  } else if (resultType !== 'complete') {
    // That of an extension which both sides declared; what it then looks like is for the extension to say.
    if (!otherExtensions(heard.client) || (heard.server && !otherExtensions(heard.server)))
      heard.tell(
        'result-type-known',
        `${path}.resultType`,
        `must be complete or input_required, got ${show(resultType)}`,
      );
    return;
  }
  if (method === 'server/discover') checkDiscover(heard, result, path);
  else if (method === 'subscriptions/listen') checkSubscriptionId(heard, result._meta, `${path}._meta`);
  else if (method === 'tasks/get' || method === 'tasks/update' || method === 'tasks/cancel') {
    checkModernTaskAnswer(heard, method, result, path);
    if (method !== 'tasks/get') checkEmpty(heard, result, path);
  } else checkCommonResult(heard, method, result, path);
}

type Check = (heard: Heard, result: Result, path: string) => void;

/** What both eras have. */
const COMMON: Record<string, Check | undefined> = {
  'tools/list': (heard, result, path) => checkList(heard, result, path, 'tools', 'name', checkTool),
  'prompts/list': (heard, result, path) => checkList(heard, result, path, 'prompts', 'name', checkPrompt),
  'resources/list': (heard, result, path) => checkList(heard, result, path, 'resources', 'uri', checkResource),
  'resources/templates/list': (heard, result, path) =>
    checkList(heard, result, path, 'resourceTemplates', 'uriTemplate', checkResourceTemplate),
  'resources/read': checkRead,
  'prompts/get': checkPromptResult,
  'completion/complete': checkCompletion,
  'tools/call': (heard, result, path) => {
    const name = heard.request?.params.name;
    checkToolResult(heard, result, path, typeof name === 'string' ? name : undefined);
  },
};

function checkCommonResult(heard: Heard, method: string | undefined, result: Result, path: string): void {
  if (method !== undefined && Object.hasOwn(COMMON, method)) COMMON[method]?.(heard, result, path);
}

function checkCompletion(heard: Heard, result: Result, path: string): void {
  fits(heard, CompleteResultSchema, result, 'completion', path, ['_meta']);
  const values = valueAt(result, 'completion.values');
  const total = valueAt(result, 'completion.total');
  if (Array.isArray(values) && typeof total === 'number' && total < values.length)
    heard.tell('completion-total', `${path}.completion.total`, `is ${total}, and ${values.length} values came`);
}

function checkEmpty(heard: Heard, result: Result, path: string): void {
  const more = Object.keys(result).find((member) => member !== '_meta' && !MODERN_MEMBERS.includes(member));
  if (more !== undefined) heard.tell('empty-result', path, `must be empty, has ${show(more)}`);
}

function checkServerInfo(heard: Heard, { _meta }: Result, path: string): void {
  const serverInfo = isRecord(_meta) ? _meta[`${META}serverInfo`] : undefined;
  if (serverInfo === undefined) heard.tell('result-server-info', `${path}._meta`, 'has no serverInfo');
  else checkImplementation(heard, serverInfo, `${path}._meta["${META}serverInfo"]`);
}

function checkCaching(heard: Heard, method: string | undefined, result: Result, path: string): void {
  const { ttlMs, cacheScope, resultType } = result;
  // A task has a ttlMs of its own.
  const isTask = resultType === 'task' || method?.startsWith('tasks/') === true;
  const isThere = (ttlMs !== undefined && !isTask) || cacheScope !== undefined;
  if (resultType === 'input_required') {
    if (isThere) heard.tell('cache-input-required', path, 'has ttlMs or cacheScope, and is not complete');
    return;
  }
  if (method === undefined) return;
  if (!CACHEABLE.includes(method)) {
    if (isThere) heard.tell('cache-elsewhere', path, `of ${method} has ttlMs or cacheScope`);
    return;
  }
  if (!Number.isInteger(ttlMs) || Number(ttlMs) < 0)
    heard.tell('cache', `${path}.ttlMs`, `must be an integer from 0, got ${show(ttlMs)}`);
  if (cacheScope !== 'public' && cacheScope !== 'private')
    heard.tell('cache', `${path}.cacheScope`, `must be public or private, got ${show(cacheScope)}`);
}

function checkModernTaskResult(heard: Heard, method: string | undefined, result: Result, path: string): void {
  if (method !== undefined && method !== 'tools/call') {
    heard.tell('task-method', `${path}.resultType`, `of ${method} says that it is a new task`);
    return;
  }
  if (!declaresTasks(heard.client.extensions))
    heard.tell('task-extension', path, 'is a task, and the request did not declare the extension');
  else if (heard.server && !declaresTasks(heard.server.extensions))
    heard.tell('task-extension', path, 'is a task, and the server did not declare the extension');
  checkModernCreated(heard, result, path);
}

function otherExtensions({ extensions }: Record<string, unknown>): boolean {
  return isRecord(extensions) && Object.keys(extensions).some((id) => id !== `${META}tasks`);
}

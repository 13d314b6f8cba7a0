/** Tasks: those of 2025-11-25, and those of the extension to 2026-07-28. */

import { TaskSchema } from '@modelcontextprotocol/core';
import { isRecord, show } from '../match.ts';
import { META } from '../protocol.ts';
import { clientDeclares, declaresTasks, serverDeclares } from './capabilities.ts';
import { checkErrorObject } from './errors.ts';
import type { Heard } from './heard.ts';
import { checkInputRequests } from './input-required.ts';
import { fits } from './official.ts';
import { checkToolResult } from './tool-result.ts';
import { isIsoTime } from './uri.ts';

const STATUSES: readonly unknown[] = ['working', 'input_required', 'completed', 'failed', 'cancelled'];

/** A task of 2025-11-25: alone in `task`, or flat in what tasks/get, tasks/cancel and the notification hold. */
export function checkTask(heard: Heard, value: unknown, path: string): void {
  fits(heard, TaskSchema, value, 'task', path, ['_meta']);
  if (!isRecord(value)) return;
  for (const member of ['ttl', 'pollInterval'])
    if (typeof value[member] === 'number' && !Number.isInteger(value[member]))
      heard.tell('task', `${path}.${member}`, `must be an integer, got ${show(value[member])}`);
  checkTimes(heard, value, path);
  checkStatusMessage(heard, value, path);
}

/** {task}, the answer to a request that asked to become one. */
export function checkCreatedTask(heard: Heard, result: Record<string, unknown>, path: string): void {
  if (heard.request?.params.task === undefined)
    heard.tell('task-asked', path, 'is a task, and the request asked for none');
  else if (!serverDeclares(heard, 'tasks.requests.tools.call'))
    heard.tell('task-asked', path, 'is a task, and the server did not declare tasks.requests.tools.call');
  checkTask(heard, result.task, `${path}.task`);
  if (isRecord(result.task) && result.task.status !== 'working' && STATUSES.includes(result.task.status))
    heard.tell('task-new', `${path}.task.status`, `must be working at first, got ${show(result.task.status)}`);
}

/** Results of tasks/get, tasks/cancel and tasks/result of 2025-11-25. */
export function checkTaskAnswer(heard: Heard, method: string, result: Record<string, unknown>, path: string): void {
  const related = isRecord(result._meta) ? result._meta[`${META}related-task`] : undefined;
  if (method === 'tasks/result') {
    const asked = heard.request?.params.taskId;
    if (!isRecord(related) || related.taskId !== asked)
      heard.tell('related-task', `${path}._meta`, `must name the task ${show(asked)}, got ${show(related)}`);
    return;
  }
  if (related !== undefined) heard.tell('related-task-superfluous', `${path}._meta`, 'names the task, which is there');
  if (method === 'tasks/list') return;
  checkTask(heard, result, path);
  checkEcho(heard, result, path);
  if (method === 'tasks/cancel' && result.status !== 'cancelled' && STATUSES.includes(result.status))
    heard.tell('task-cancelled', `${path}.status`, `must be cancelled, got ${show(result.status)}`);
}

/** A task of the extension, without what its status promises. */
function checkModernTask(heard: Heard, value: Record<string, unknown>, path: string): void {
  const { taskId, status, statusMessage, ttlMs, pollIntervalMs } = value;
  const look = (fits: boolean, member: string, expected: string) => {
    if (!fits) heard.tell('task', `${path}.${member}`, `must be ${expected}, got ${show(value[member])}`);
  };
  look(typeof taskId === 'string', 'taskId', 'a text');
  look(STATUSES.includes(status), 'status', 'a known status');
  look(statusMessage === undefined || typeof statusMessage === 'string', 'statusMessage', 'a text');
  look(typeof value.createdAt === 'string', 'createdAt', 'a time');
  look(typeof value.lastUpdatedAt === 'string', 'lastUpdatedAt', 'a time');
  look(ttlMs === null || Number.isInteger(ttlMs), 'ttlMs', 'an integer or null');
  look(pollIntervalMs === undefined || Number.isInteger(pollIntervalMs), 'pollIntervalMs', 'an integer');
  for (const member of ['ttl', 'pollInterval'])
    if (value[member] !== undefined) heard.tell('task-legacy-members', path, `has ${member}`);
  checkTimes(heard, value, path);
  checkStatusMessage(heard, value, path);
}

/** A result of the type "task". */
export function checkModernCreated(heard: Heard, result: Record<string, unknown>, path: string): void {
  checkModernTask(heard, result, path);
  for (const member of ['requestState', 'inputRequests'])
    if (result[member] !== undefined) heard.tell('task-flat', path, `has ${member}`);
}

/** A task with what its status promises, as tasks/get and notifications/tasks tell it. */
export function checkDetailedTask(heard: Heard, value: Record<string, unknown>, path: string): void {
  checkModernTask(heard, value, path);
  const { status, inputRequests, result, error } = value;
  if (status === 'input_required') {
    if (!isRecord(inputRequests))
      heard.tell('task-payload', `${path}.inputRequests`, `must be there, got ${show(inputRequests)}`);
    else checkInputRequests(heard, inputRequests, `${path}.inputRequests`);
  } else if (status === 'completed') {
    if (!isRecord(result)) heard.tell('task-payload', `${path}.result`, `must be an object, got ${show(result)}`);
    // Only tools/call makes tasks so far; what is of another method says so by having no content.
    else if (result.content !== undefined) checkToolResult(heard, result, `${path}.result`, undefined);
  } else if (status === 'failed') {
    if (!isRecord(error)) heard.tell('task-payload', `${path}.error`, `must be an object, got ${show(error)}`);
    else checkErrorObject(heard, error, `${path}.error`);
  }
}

/** Results of tasks/get, tasks/update and tasks/cancel of the extension. */
export function checkModernTaskAnswer(
  heard: Heard,
  method: string,
  result: Record<string, unknown>,
  path: string,
): void {
  checkTasksExtension(heard, path);
  if (method === 'tasks/get') {
    checkDetailedTask(heard, result, path);
    checkEcho(heard, result, path);
  } else if (result.taskId !== undefined || result.status !== undefined) {
    heard.tell('task-ack', path, `must be empty but for its resultType, got ${show(result)}`);
  }
}

export function checkTasksExtension(heard: Heard, path: string): void {
  if (!declaresTasks(heard.client.extensions))
    heard.tell('task-extension', path, 'is about a task, and the client did not declare the extension');
  else if (heard.server && !declaresTasks(heard.server.extensions))
    heard.tell('task-extension', path, 'is about a task, and the server did not declare the extension');
}

/** A request of the server that asks the client for a task, or about one. */
export function checkClientTask(heard: Heard, capability: string, path: string): void {
  if (!clientDeclares(heard, capability))
    heard.tell('client-tasks', path, `is about a task of the client's, which did not declare ${capability}`);
}

function checkEcho(heard: Heard, { taskId }: Record<string, unknown>, path: string): void {
  const asked = heard.request?.params.taskId;
  if (typeof asked === 'string' && typeof taskId === 'string' && taskId !== asked)
    heard.tell('task-echo', `${path}.taskId`, `must be ${show(asked)}, got ${show(taskId)}`);
}

function checkTimes(heard: Heard, value: Record<string, unknown>, path: string): void {
  for (const member of ['createdAt', 'lastUpdatedAt']) {
    const time = value[member];
    if (typeof time === 'string' && !isIsoTime(time))
      heard.tell('task-times', `${path}.${member}`, `must be a time in ISO 8601, got ${show(time)}`);
  }
}

function checkStatusMessage(heard: Heard, { status, statusMessage }: Record<string, unknown>, path: string): void {
  if (status === 'failed' && (statusMessage === undefined || statusMessage === ''))
    heard.tell('task-status-message', path, 'failed and has no statusMessage');
}

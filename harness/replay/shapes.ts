/**
 * Every message that a server puts on the wire, judged by itself: its JSON-RPC form, its shape by its method, and what the
 * official schemas are too lenient for. What it takes several messages to see is judged in `wire.ts`.
 *
 * A MUST is one of the specification or of its schema; members that it does not know are legal everywhere.
 */

import { isRecord, show } from './match.ts';
import { checkError } from './shapes/errors.ts';
import { type Fault, type Heard, hear, type Spoken } from './shapes/heard.ts';
import { checkNotification } from './shapes/notifications.ts';
import { checkRequest, isRequestMethod } from './shapes/requests.ts';
import { checkResult } from './shapes/results.ts';

export { SHAPE_CHECKS } from './shapes/checks.ts';
export type { Fault, Spoken } from './shapes/heard.ts';

/** Every fault of one message of a server; none for what it takes more than this message to judge. */
export function faultsOf(message: unknown, spoken: Spoken): Fault[] {
  const heard = hear(spoken);
  try {
    if (Array.isArray(message)) checkBatch(heard, message, spoken);
    else checkMessage(heard, message);
  } catch (error) {
    // Nested so deep that the stack ends: what was found until then is all that can be said.
    if (!(error instanceof RangeError)) throw error;
  }
  return heard.faults;
}

function checkBatch(heard: Heard, messages: readonly unknown[], spoken: Spoken): void {
  if (heard.revision !== '2025-03-26') heard.tell('batch', '', 'several messages came as one list');
  if (messages.length === 0) heard.tell('batch-empty', '', 'the list of messages is empty');
  const { request: _request, ...rest } = spoken;
  // Which of several requests each answers is not known here.
  for (const message of messages) heard.faults.push(...faultsOf(message, messages.length === 1 ? spoken : rest));
}

function checkMessage(heard: Heard, message: unknown): void {
  if (!isRecord(message)) {
    heard.tell('message-object', '', `a message must be an object, got ${show(message)}`);
    return;
  }
  if (message.jsonrpc !== '2.0') heard.tell('jsonrpc', 'jsonrpc', `must be "2.0", got ${show(message.jsonrpc)}`);
  const forms = ['method', 'result', 'error'].filter((member) => Object.hasOwn(message, member));
  if (forms.length !== 1)
    heard.tell('one-form', '', `must have one of method, result and error, has ${forms.join(' and ') || 'none'}`);
  if (forms[0] === 'method') checkCall(heard, message);
  else if (forms.length > 0) checkResponse(heard, message);
}

/** A request or a notification. */
function checkCall(heard: Heard, message: Record<string, unknown>): void {
  const { method, id, params } = message;
  const hasParams = Object.hasOwn(message, 'params');
  if (hasParams && !isRecord(params)) heard.tell('params', 'params', `must be an object, got ${show(params)}`);
  if (typeof method !== 'string') {
    heard.tell('method', 'method', `must be a text, got ${show(method)}`);
    return;
  }
  const hasId = Object.hasOwn(message, 'id');
  if (method.startsWith('notifications/') || (!hasId && !isRequestMethod(method))) {
    if (hasId) heard.tell('notification-id', 'id', `${show(id)} came with ${method}`);
    checkNotification(heard, method, params);
    return;
  }
  if (!isId(id)) heard.tell('request-id-form', 'id', `must be a text or an integer, got ${show(id)}`);
  checkRequest(heard, method, params);
}

function checkResponse(heard: Heard, message: Record<string, unknown>): void {
  const { id, result, error } = message;
  const isError = Object.hasOwn(message, 'error');
  const { request } = heard;
  const isTold = request !== undefined && request.id === undefined;
  if (isTold && (!isError || (id !== undefined && id !== null)))
    heard.tell('response-to-notification', '', `${request.method} has no id, and yet a response`);
  else if (isError && (id === undefined || id === null) && (!request || isTold)) {
    if (id === null) heard.tell('error-id-null', 'id', 'is null');
  } else if (!isId(id)) heard.tell('response-id-form', 'id', `must be a text or an integer, got ${show(id)}`);
  if (isError) checkError(heard, error);
  if (!Object.hasOwn(message, 'result')) return;
  if (isRecord(result)) checkResult(heard, result);
  else heard.tell('result-object', 'result', `must be an object, got ${show(result)}`);
}

function isId(value: unknown): boolean {
  return typeof value === 'string' || Number.isInteger(value);
}

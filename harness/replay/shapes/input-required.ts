/** `input_required`: what a server of 2026-07-28 asks back instead of sending requests. */

import { isRecord, show } from '../match.ts';
import { clientDeclares } from './capabilities.ts';
import { checkElicitation } from './elicitation.ts';
import type { Heard } from './heard.ts';
import { checkMeta } from './meta.ts';
import { checkSampling } from './sampling.ts';

const CAPABILITIES = new Map([
  ['elicitation/create', 'elicitation'],
  ['sampling/createMessage', 'sampling'],
  ['roots/list', 'roots'],
]);

export function checkInputRequired(heard: Heard, result: Record<string, unknown>, path: string): void {
  const { inputRequests, requestState } = result;
  const wrong = (member: string, why: string) => heard.tell('input-required', `${path}${member}`, why);
  if (requestState !== undefined && typeof requestState !== 'string')
    wrong('.requestState', `must be a text, got ${show(requestState)}`);
  if (inputRequests === undefined) {
    if (requestState === undefined) wrong('', 'has neither inputRequests nor requestState');
    return;
  }
  if (!isRecord(inputRequests)) {
    wrong('.inputRequests', `must be an object, got ${show(inputRequests)}`);
    return;
  }
  if (Object.keys(inputRequests).length === 0 && requestState === undefined)
    wrong('.inputRequests', 'asks for nothing, and there is no requestState');
  checkInputRequests(heard, inputRequests, `${path}.inputRequests`);
}

export function checkInputRequests(heard: Heard, requests: Record<string, unknown>, path: string): void {
  for (const [key, request] of Object.entries(requests)) checkInputRequest(heard, request, `${path}.${key}`);
}

function checkInputRequest(heard: Heard, request: unknown, path: string): void {
  const wrong = (why: string) => heard.tell('input-request', path, why);
  if (!isRecord(request)) {
    wrong(`must be an object, got ${show(request)}`);
    return;
  }
  const { method, params } = request;
  for (const member of ['jsonrpc', 'id']) if (request[member] !== undefined) wrong(`has ${member}`);
  const capability = CAPABILITIES.get(String(method));
  if (typeof method !== 'string' || capability === undefined) {
    wrong(`must have the method ${[...CAPABILITIES.keys()].join(', ')}, got ${show(method)}`);
    return;
  }
  if (!clientDeclares(heard, capability))
    heard.tell('client-capability', path, `is ${method}, and the request did not declare ${capability}`);
  if (params === undefined && method === 'roots/list') return;
  if (!isRecord(params)) {
    wrong(`must have params, got ${show(params)}`);
    return;
  }
  checkMeta(heard, params._meta, `${path}.params._meta`);
  if (method === 'elicitation/create') checkElicitation(heard, params, `${path}.params`);
  if (method === 'sampling/createMessage') checkSampling(heard, params, `${path}.params`);
}

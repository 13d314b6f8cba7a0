/** JSON-RPC errors: their shape, and which codes mean what in which revision. */

import { isRecord, show, valueAt } from '../match.ts';
import { isStateless, META } from '../protocol.ts';
import { clientDeclares, serverDeclares } from './capabilities.ts';
import { checkElicitation } from './elicitation.ts';
import type { Heard } from './heard.ts';

const STANDARD = [-32700, -32600, -32601, -32602, -32603];
/** Those that a declared capability promises to answer. */
const LISTS = new Map([
  ['tools/list', 'tools'],
  ['prompts/list', 'prompts'],
  ['resources/list', 'resources'],
]);

export function checkError(heard: Heard, error: unknown): void {
  if (!isRecord(error)) {
    heard.tell('error-object', 'error', `must be an object, got ${show(error)}`);
    return;
  }
  checkErrorObject(heard, error, 'error');
  const { code, data } = error;
  if (typeof code !== 'number') return;
  if (code === -32601) checkMissing(heard);
  if (heard.modern) checkModernCode(heard, code, data);
  else checkLegacyCode(heard, code, data);
}

/** What every error is, also that of a task. */
export function checkErrorObject(heard: Heard, { code, message }: Record<string, unknown>, path: string): void {
  if (!Number.isInteger(code)) heard.tell('error-object', `${path}.code`, `must be an integer, got ${show(code)}`);
  else if (Number(code) >= -32768 && Number(code) < -32099 && !STANDARD.includes(Number(code)))
    heard.tell('error-code-standard', `${path}.code`, `${show(code)} is reserved by JSON-RPC and means nothing`);
  if (typeof message !== 'string')
    heard.tell('error-object', `${path}.message`, `must be a text, got ${show(message)}`);
  else if (message.trim() === '' || /[\r\n]/.test(message.trim()))
    heard.tell('error-message', `${path}.message`, `must be one line that says something, got ${show(message)}`);
}

/** The method is said to be unknown. */
function checkMissing(heard: Heard): void {
  const method = heard.request?.method ?? '';
  const required = heard.modern ? ['server/discover'] : ['initialize', 'ping'];
  if (required.includes(method)) heard.tell('method-required', 'error.code', `says that ${method} is unknown`);
  const capability = LISTS.get(method);
  if (capability !== undefined && heard.server && serverDeclares(heard, capability))
    heard.tell('method-declared', 'error.code', `says that ${method} is unknown, and ${capability} is declared`);
  if (method !== 'subscriptions/listen' || !heard.modern || !heard.server) return;
  const promised = ['tools.listChanged', 'prompts.listChanged', 'resources.listChanged', 'resources.subscribe'].find(
    (name) => valueAt(heard.server, name) === true,
  );
  if (promised !== undefined)
    heard.tell('listen-declared', 'error.code', `says that ${method} is unknown, and ${promised} is declared`);
}

function checkModernCode(heard: Heard, code: number, data: unknown): void {
  if (code === -32021) checkMissingCapability(heard, data);
  else if (code === -32022) checkUnsupportedVersion(heard, data);
  else if (code === -32002 || code === -32042)
    heard.tell('error-code-removed', 'error.code', `${code} is no code of this revision`);
  else if (code <= -32000 && code >= -32019)
    heard.tell('error-code-legacy', 'error.code', `${code} has no meaning in this revision`);
  else if (code < -32022 && code >= -32099)
    heard.tell(
      'error-code-reserved',
      'error.code',
      `${code} is reserved for the specification, which does not have it`,
    );
}

function checkMissingCapability(heard: Heard, data: unknown): void {
  const required = valueAt(data, 'requiredCapabilities');
  if (!isRecord(required) || Object.keys(required).length === 0) {
    heard.tell('capability-error', 'error.data.requiredCapabilities', `must name capabilities, got ${show(required)}`);
    return;
  }
  const malformed = Object.entries(required).find(([, one]) => !isRecord(one));
  if (malformed)
    heard.tell(
      'capability-error',
      `error.data.requiredCapabilities.${malformed[0]}`,
      `must be an object, got ${show(malformed[1])}`,
    );
  else if (heard.request && isWithin(required, { ...heard.client, elicitation: formsOf(heard.client.elicitation) }))
    heard.tell(
      'capability-error-declared',
      'error.data.requiredCapabilities',
      `the request declared all that is said to be missing: ${show(required)}`,
    );
}

/** An empty declaration of elicitation is one of forms. */
function formsOf(elicitation: unknown): unknown {
  return isRecord(elicitation) && elicitation.url === undefined ? { form: {}, ...elicitation } : elicitation;
}

function isWithin(required: Record<string, unknown>, declared: Record<string, unknown>): boolean {
  return Object.entries(required).every(([name, one]) => {
    const own = Object.hasOwn(declared, name) ? declared[name] : undefined;
    return isRecord(one) && isRecord(own) ? isWithin(one, own) : own !== undefined;
  });
}

function checkUnsupportedVersion(heard: Heard, data: unknown): void {
  const supported = valueAt(data, 'supported');
  const requested = valueAt(data, 'requested');
  const areTexts =
    Array.isArray(supported) && supported.length > 0 && supported.every((one) => typeof one === 'string');
  if (!areTexts) heard.tell('version-error', 'error.data.supported', `must be a list of texts, got ${show(supported)}`);
  if (typeof requested !== 'string') {
    heard.tell('version-error', 'error.data.requested', `must be a text, got ${show(requested)}`);
    return;
  }
  const meta = heard.request?.params._meta;
  const claim = isRecord(meta) ? meta[`${META}protocolVersion`] : undefined;
  if (typeof claim === 'string' && claim !== requested)
    heard.tell('version-error-requested', 'error.data.requested', `must be ${show(claim)}, got ${show(requested)}`);
  // An older revision may well be supported, and yet not in this frame.
  if (areTexts && isStateless(requested) && supported.includes(requested))
    heard.tell('version-error-supported', 'error.data.supported', `has ${show(requested)}, which is refused`);
}

function checkLegacyCode(heard: Heard, code: number, data: unknown): void {
  if (code <= -32020 && code >= -32022)
    heard.tell('error-code-modern', 'error.code', `${code} is a code of 2026-07-28`);
  if (code !== -32042) return;
  if (heard.revision < '2025-11-25') {
    heard.tell('url-error-early', 'error.code', '-32042 came with 2025-11-25');
    return;
  }
  const elicitations = valueAt(data, 'elicitations');
  const path = 'error.data.elicitations';
  if (!Array.isArray(elicitations) || elicitations.length === 0) {
    heard.tell('url-error', path, `must list elicitations, got ${show(elicitations)}`);
    return;
  }
  if (!clientDeclares(heard, 'elicitation'))
    heard.tell('client-capability', path, 'asks the user, and the client did not declare elicitation');
  for (const [index, one] of elicitations.entries()) {
    if (isRecord(one) && one.mode === 'url') checkElicitation(heard, one, `${path}[${index}]`);
    else heard.tell('url-error', `${path}[${index}]`, `must be an elicitation by URL, got ${show(one)}`);
  }
}

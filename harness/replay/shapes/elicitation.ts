/** Elicitation: what a user is asked, by a form or by a URL. */

import { isRecord, show } from '../match.ts';
import { clientDeclares, clientTakesForms, clientTakesUrls } from './capabilities.ts';
import { checkField } from './form-field.ts';
import type { Heard } from './heard.ts';

/** Names of fields that hold what opens something, once case, `_` and `-` are taken away. */
const SECRETS = [
  'password',
  'passwd',
  'passphrase',
  'apikey',
  'accesstoken',
  'refreshtoken',
  'clientsecret',
  'secretkey',
  'privatekey',
  'creditcard',
  'creditcardnumber',
  'cardnumber',
  'cvv',
  'cvc',
];
/** Keywords that would make a form more than a flat list of fields. */
const DEEP = [
  'allOf',
  'anyOf',
  'oneOf',
  'not',
  'if',
  'then',
  'else',
  '$ref',
  '$defs',
  'definitions',
  'patternProperties',
];
const LOOPBACK = /^(?:localhost|.*\.localhost|127(?:\.\d+){3}|\[::1\])$/;

/** Params of elicitation/create, in whatever frame they come. Whether the client takes any is judged by that frame. */
export function checkElicitation(heard: Heard, params: unknown, path: string): void {
  if (!isRecord(params)) {
    heard.tell('elicitation', path, `must be an object, got ${show(params)}`);
    return;
  }
  const { mode = 'form', message } = params;
  if (typeof message !== 'string') heard.tell('elicitation', `${path}.message`, `must be a text, got ${show(message)}`);
  if (mode === 'url') checkUrlMode(heard, params, path);
  else if (mode === 'form') checkForm(heard, params, path);
  else heard.tell('elicitation', `${path}.mode`, `must be form or url, got ${show(mode)}`);
}

function checkForm(heard: Heard, { message, requestedSchema }: Record<string, unknown>, path: string): void {
  if (clientDeclares(heard, 'elicitation') && !clientTakesForms(heard))
    heard.tell('elicitation-mode', path, 'is a form, and the client did not declare those');
  if (typeof message === 'string' && /https?:\/\//i.test(message))
    heard.tell('elicitation-link', `${path}.message`, `has a link: ${show(message)}`);
  const at = `${path}.requestedSchema`;
  if (!isRecord(requestedSchema) || requestedSchema.type !== 'object') {
    heard.tell('elicitation', at, `must be a schema of type object, got ${show(requestedSchema)}`);
    return;
  }
  const { $schema, properties, required } = requestedSchema;
  if ($schema !== undefined && typeof $schema !== 'string')
    heard.tell('elicitation', `${at}.$schema`, `must be a text, got ${show($schema)}`);
  for (const keyword of DEEP)
    if (requestedSchema[keyword] !== undefined) heard.tell('elicitation-keyword', at, `has ${keyword}`);
  if (!isRecord(properties)) {
    heard.tell('elicitation', `${at}.properties`, `must be an object, got ${show(properties)}`);
    return;
  }
  for (const [name, field] of Object.entries(properties)) {
    checkField(heard, field, `${at}.properties.${name}`);
    if (isRecord(field) && field.type === 'string' && SECRETS.includes(name.toLowerCase().replaceAll(/[_-]/g, '')))
      heard.tell('elicitation-secret', `${at}.properties.${name}`, 'asks for a secret');
  }
  if (required === undefined) return;
  if (!Array.isArray(required) || !required.every((name) => typeof name === 'string')) {
    heard.tell('elicitation', `${at}.required`, `must be a list of texts, got ${show(required)}`);
    return;
  }
  for (const name of required)
    if (!Object.hasOwn(properties, name))
      heard.tell('elicitation-required', `${at}.required`, `names ${show(name)}, which is no field`);
}

function checkUrlMode(heard: Heard, { url, elicitationId }: Record<string, unknown>, path: string): void {
  if (clientDeclares(heard, 'elicitation') && !clientTakesUrls(heard))
    heard.tell('elicitation-mode', path, 'is by URL, and the client did not declare that');
  if (heard.revision === '2025-11-25' && typeof elicitationId !== 'string')
    heard.tell('elicitation-id', `${path}.elicitationId`, `must be a text, got ${show(elicitationId)}`);
  if (heard.modern && elicitationId !== undefined)
    heard.tell('elicitation-id-removed', `${path}.elicitationId`, 'is no part of this revision');
  const parsed = typeof url === 'string' && URL.canParse(url) ? new URL(url) : undefined;
  if (!parsed) {
    heard.tell('elicitation-url', `${path}.url`, `must be a URL, got ${show(url)}`);
    return;
  }
  if (parsed.username !== '' || parsed.password !== '')
    heard.tell('elicitation-url-credentials', `${path}.url`, 'has credentials');
  // While one develops http will do.
  if (parsed.protocol !== 'https:' && !LOOPBACK.test(parsed.hostname))
    heard.tell('elicitation-url-https', `${path}.url`, `must be https, got ${show(url)}`);
}

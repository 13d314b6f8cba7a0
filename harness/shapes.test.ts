/** One message of a server: what is wrong with it is told, and nothing where nothing is. */

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { z } from 'zod';
import { createServer, type Feature, tool } from '../server.ts';
import { events } from './clients/session.ts';
import { features } from './everything.ts';
import { isRecord } from './replay/match.ts';
import { capabilitiesOf, isStateless } from './replay/protocol.ts';
import { REVISIONS, type Revision } from './replay/scenario.ts';
import { faultsOf, SHAPE_CHECKS, type Spoken } from './replay/shapes.ts';
import { WIRE_CHECKS } from './replay/wire.ts';

type Json = Record<string, unknown>;

/** What is told, without `wire.`, in order of the alphabet; then the message, and what was said before it. */
type Case = [tells: string, message: unknown, spoken: Spoken];

interface More extends Partial<Omit<Spoken, 'revision'>> {
  at?: Revision;
  params?: Json;
  id?: unknown;
}

const META = 'io.modelcontextprotocol/';
const INFO = { [`${META}serverInfo`]: { name: 'a', version: '1' } };
const TASKS = { extensions: { [`${META}tasks`]: {} } };
const MODERN = '2026-07-28';
const CACHED = [
  'server/discover',
  'tools/list',
  'prompts/list',
  'resources/list',
  'resources/templates/list',
  'resources/read',
];

function spokenOf({ at = '2025-11-25', params: _params, id: _id, client = capabilitiesOf(at), ...rest }: More): Spoken {
  return { revision: at, client, ...rest };
}

/** As it comes off the wire: without what is undefined. */
function sent(message: Json): unknown {
  return JSON.parse(JSON.stringify(message));
}

/** A result, with what the revision wants of every result. */
function result(tells: string, method: string, members: unknown, more: More = {}): Case {
  const { at = '2025-11-25', params = {}, id = 1 } = more;
  const own = isRecord(members) ? members : {};
  const cache =
    CACHED.includes(method) && own.resultType !== 'input_required' ? { ttlMs: 0, cacheScope: 'private' } : {};
  const modern = isStateless(at)
    ? { resultType: 'complete', ...cache, ...own, _meta: { ...INFO, ...(own._meta as Json) } }
    : own;
  const message = { jsonrpc: '2.0', id, result: isRecord(members) ? modern : members };
  return [tells, sent(message), spokenOf({ request: { method, params, id: 1 }, ...more })];
}

function error(tells: string, method: string, members: unknown, more: More = {}): Case {
  const { params = {}, id = 1 } = more;
  const message = { jsonrpc: '2.0', id, error: members };
  return [tells, sent(message), spokenOf({ request: { method, params, id: 1 }, ...more })];
}

/** A notification. */
function notice(tells: string, method: string, params?: unknown, more: More = {}): Case {
  return [tells, sent({ jsonrpc: '2.0', method, params }), spokenOf(more)];
}

/** A request of the server. */
function ask(tells: string, method: string, params?: unknown, more: More = {}): Case {
  return [tells, sent({ jsonrpc: '2.0', id: 1, method, params }), spokenOf(more)];
}

function raw(tells: string, message: unknown, more: More = {}): Case {
  return [tells, message, spokenOf(more)];
}

const text = { type: 'text', text: 'a' };
const object = { type: 'object' };
const PNG = { type: 'image', data: 'AAAA', mimeType: 'image/png' };

const tools = (tells: string, entry: Json, more: More = {}) =>
  result(tells, 'tools/list', { tools: [{ name: 'a', inputSchema: object, ...entry }] }, more);
const marked = (tells: string, inputSchema: Json) =>
  tools(tells, { inputSchema: { ...object, ...inputSchema } }, { at: MODERN });
const mark = (name: unknown, type: unknown = 'string') => ({ type, 'x-mcp-header': name });
const called = (tells: string, members: Json, more: More = {}) =>
  result(tells, 'tools/call', { content: [text], ...members }, { params: { name: 'a' }, ...more });
const block = (tells: string, content: unknown, more: More = {}) => called(tells, { content: [content] }, more);
const resources = (tells: string, entry: Json, more: More = {}) =>
  result(tells, 'resources/list', { resources: [{ uri: 'a:b', name: 'a', ...entry }] }, more);
const template = (tells: string, uriTemplate: unknown) =>
  result(tells, 'resources/templates/list', { resourceTemplates: [{ uriTemplate, name: 'a' }] });
const read = (tells: string, contents: unknown, more: More = {}) => result(tells, 'resources/read', { contents }, more);
const prompts = (tells: string, entry: Json) => result(tells, 'prompts/list', { prompts: [{ name: 'a', ...entry }] });
const prompted = (tells: string, message: Json, more: More = {}) =>
  result(tells, 'prompts/get', { messages: [{ role: 'user', content: text, ...message }] }, more);
const completed = (tells: string, completion: unknown) => result(tells, 'completion/complete', { completion });
const initialized = (tells: string, members: Json, more: More = {}) => {
  const version = more.at ?? '2025-11-25';
  const all = { protocolVersion: version, capabilities: {}, serverInfo: { name: 'a', version: '1' }, ...members };
  return result(tells, 'initialize', all, { params: { protocolVersion: version }, ...more });
};
const discovered = (tells: string, members: Json) =>
  result(tells, 'server/discover', { supportedVersions: [MODERN], capabilities: {}, ...members }, { at: MODERN });
const form = (tells: string, requestedSchema: unknown, more: More = {}) =>
  ask(tells, 'elicitation/create', { message: 'a', requestedSchema }, more);
const field = (tells: string, one: unknown, more: More = {}) =>
  form(tells, { ...object, properties: { a: one } }, more);
const byUrl = (tells: string, params: Json, more: More = {}) =>
  ask(
    tells,
    'elicitation/create',
    { mode: 'url', message: 'a', url: 'https://a.example/', elicitationId: 'e', ...params },
    more,
  );
const sampled = (tells: string, params: Json, more: More = {}) =>
  ask(tells, 'sampling/createMessage', { messages: [{ role: 'user', content: text }], maxTokens: 1, ...params }, more);
const needs = (tells: string, members: Json, more: More = {}) =>
  result(tells, 'tools/call', { resultType: 'input_required', ...members }, { at: MODERN, ...more });
const wants = (tells: string, request: unknown, more: More = {}) =>
  needs(tells, { inputRequests: { a: request } }, more);
const use = (id: string) => ({ role: 'assistant', content: [{ type: 'tool_use', id, name: 'a', input: {} }] });
const used = (...ids: string[]) => ({
  role: 'user',
  content: ids.map((toolUseId) => ({ type: 'tool_result', toolUseId, content: [] })),
});
const NOW = '2025-11-25T10:30:00Z';
const oldTask = { taskId: 't', status: 'working', createdAt: NOW, lastUpdatedAt: NOW, ttl: null };
const newTask = { taskId: 't', status: 'working', createdAt: NOW, lastUpdatedAt: NOW, ttlMs: 1000 };
const related = (taskId: unknown) => ({ [`${META}related-task`]: { taskId } });
const created = (tells: string, task: unknown, more: More = {}) =>
  result(tells, 'tools/call', { task }, { params: { name: 'a', task: {} }, ...more });
const ofTask = (tells: string, method: string, members: Json, more: More = {}) =>
  result(tells, method, members, { params: { taskId: 't' }, ...more });
const modernTask = { at: MODERN, client: TASKS, server: { ...TASKS, tools: {}, prompts: {} } } as const;
const listened = { [`${META}subscriptionId`]: 1 };
const schemaOf = (schema: unknown) => ({ outputSchemas: new Map([['a', schema]]), params: { name: 'a' } });

const JSON_RPC: Case[] = [
  raw('message-object', 'text'),
  raw('message-object', null),
  raw('batch', [sent({ jsonrpc: '2.0', method: 'notifications/progress', params: { progressToken: 1, progress: 1 } })]),
  raw('batch-empty', [], { at: '2025-03-26' }),
  raw('jsonrpc', [{ id: 1, method: 'ping' }], { at: '2025-03-26' }),
  raw('', [{ jsonrpc: '2.0', id: 1, method: 'ping' }], { at: '2025-03-26' }),
  raw('jsonrpc', { id: 1, result: {} }),
  raw('jsonrpc', { jsonrpc: 2, id: 1, result: {} }),
  raw('', { jsonrpc: '2.0', id: 1, result: {}, unknown: 1 }),
  raw('one-form', { jsonrpc: '2.0', id: 1 }),
  raw('one-form', { jsonrpc: '2.0', id: 1, result: {}, error: { code: 1, message: 'a' } }),
  raw('one-form', { jsonrpc: '2.0', id: 1, method: 'ping', result: {} }),
  raw('method', { jsonrpc: '2.0', id: 1, method: 1 }),
  raw('params', { jsonrpc: '2.0', id: 1, method: 'ping', params: [] }),
  raw('params', { jsonrpc: '2.0', method: 'notifications/tools/list_changed', params: null }),
  raw('request-id-form', { jsonrpc: '2.0', id: null, method: 'ping' }),
  raw('request-id-form', { jsonrpc: '2.0', id: 1.5, method: 'ping' }),
  raw('request-id-form', { jsonrpc: '2.0', method: 'ping' }),
  raw('', { jsonrpc: '2.0', id: 2 ** 60, method: 'ping' }),
  raw('', { jsonrpc: '2.0', id: '', method: 'ping' }),
  raw('notification-id', { jsonrpc: '2.0', id: 1, method: 'notifications/tools/list_changed' }),
  result('response-id-form', 'ping', {}, { id: null }),
  result('response-id-form', 'ping', {}, { id: 1.5 }),
  raw('response-id-form', { jsonrpc: '2.0', result: {} }),
  error('response-id-form', 'ping', { code: -32600, message: 'a' }, { id: null }),
  raw('response-id-form', { jsonrpc: '2.0', id: true, error: { code: -32600, message: 'a' } }),
  raw('error-id-null', { jsonrpc: '2.0', id: null, error: { code: -32700, message: 'a' } }),
  raw('', { jsonrpc: '2.0', error: { code: -32700, message: 'a' } }),
  result(
    'response-to-notification',
    'notifications/initialized',
    {},
    { request: { method: 'notifications/initialized', id: undefined } },
  ),
  [
    '',
    { jsonrpc: '2.0', error: { code: -32600, message: 'a' } },
    { revision: '2025-11-25', client: {}, request: { method: 'notifications/initialized', id: undefined } },
  ],
  result('result-object', 'ping', null),
  result('result-object', 'tools/list', []),
];

const ERRORS: Case[] = [
  error('error-object', 'tools/list', 'text'),
  error('error-object', 'tools/list', { code: '-32600', message: 'a' }),
  error('error-object', 'tools/list', { code: -32600.5, message: 'a' }),
  error('error-object', 'tools/list', { code: -32600 }),
  error('', 'tools/list', { code: -32600, message: 'a', data: [1], more: 1 }),
  error('error-message', 'tools/list', { code: -32600, message: ' ' }),
  error('error-message', 'tools/list', { code: -32600, message: 'a\n  at b' }),
  error('error-code-standard', 'tools/list', { code: -32604, message: 'a' }),
  error('', 'tools/list', { code: -32001, message: 'a' }),
  error('', 'tools/list', { code: 7, message: 'a' }),
  error('error-code-reserved', 'tools/list', { code: -32050, message: 'a' }, { at: MODERN }),
  error('', 'tools/list', { code: -32020, message: 'a' }, { at: MODERN }),
  error('error-code-legacy', 'tools/list', { code: -32001, message: 'a' }, { at: MODERN }),
  error('error-code-removed', 'resources/read', { code: -32002, message: 'a' }, { at: MODERN }),
  error('error-code-removed', 'tools/call', { code: -32042, message: 'a' }, { at: MODERN }),
  error('', 'resources/read', { code: -32002, message: 'a' }),
  error('error-code-modern', 'tools/list', { code: -32020, message: 'a' }),
  ...[
    undefined,
    {},
    { requiredCapabilities: ['sampling'] },
    { requiredCapabilities: {} },
    { requiredCapabilities: { sampling: true } },
  ].map((data) =>
    error('capability-error', 'tools/call', { code: -32021, message: 'a', data }, { at: MODERN, client: {} }),
  ),
  error(
    '',
    'tools/call',
    { code: -32021, message: 'a', data: { requiredCapabilities: { sampling: {} } } },
    { at: MODERN, client: {} },
  ),
  error(
    '',
    'tools/call',
    { code: -32021, message: 'a', data: { requiredCapabilities: { elicitation: { url: {} } } } },
    { at: MODERN, client: { elicitation: {} } },
  ),
  error(
    'capability-error-declared',
    'tools/call',
    { code: -32021, message: 'a', data: { requiredCapabilities: { elicitation: { form: {} } } } },
    { at: MODERN, client: { elicitation: {} } },
  ),
  ...[
    undefined,
    {},
    { supported: [], requested: 'v1' },
    { supported: [1], requested: 'v1' },
    { supported: [MODERN] },
  ].map((data) => error('version-error', 'tools/list', { code: -32022, message: 'a', data }, { at: MODERN })),
  error(
    'version-error-requested',
    'tools/list',
    { code: -32022, message: 'a', data: { supported: [MODERN], requested: 'v2' } },
    { at: MODERN, params: { _meta: { [`${META}protocolVersion`]: 'v1' } } },
  ),
  error(
    'version-error-supported',
    'tools/list',
    { code: -32022, message: 'a', data: { supported: [MODERN], requested: MODERN } },
    { at: MODERN },
  ),
  error(
    '',
    'tools/list',
    { code: -32022, message: 'a', data: { supported: ['2025-11-25'], requested: '2025-11-25' } },
    { at: MODERN },
  ),
  ...[undefined, {}, { elicitations: [] }, { elicitations: [{ mode: 'form', message: 'a' }] }].map((data) =>
    error('url-error', 'tools/call', { code: -32042, message: 'a', data }),
  ),
  error('', 'tools/call', {
    code: -32042,
    message: 'a',
    data: { elicitations: [{ mode: 'url', message: 'a', url: 'https://a.example', elicitationId: 'e' }] },
  }),
  error(
    'client-capability',
    'tools/call',
    {
      code: -32042,
      message: 'a',
      data: { elicitations: [{ mode: 'url', message: 'a', url: 'https://a.example', elicitationId: 'e' }] },
    },
    { client: {} },
  ),
  error('url-error-early', 'tools/call', { code: -32042, message: 'a' }, { at: '2025-06-18' }),
  error('method-required', 'ping', { code: -32601, message: 'a' }),
  error('method-required', 'server/discover', { code: -32601, message: 'a' }, { at: MODERN }),
  error('', 'ping', { code: -32601, message: 'a' }, { at: MODERN }),
  error('method-declared', 'tools/list', { code: -32601, message: 'a' }, { server: { tools: {} } }),
  error('', 'tools/list', { code: -32601, message: 'a' }, { server: {} }),
  error('', 'resources/templates/list', { code: -32601, message: 'a' }, { server: { resources: {} } }),
  error('', 'constructor', { code: -32601, message: 'a' }, { server: {} }),
  error(
    'listen-declared',
    'subscriptions/listen',
    { code: -32601, message: 'a' },
    { at: MODERN, server: { tools: { listChanged: true } } },
  ),
  error('', 'subscriptions/listen', { code: -32601, message: 'a' }, { at: MODERN, server: { tools: {} } }),
];

const SPOKEN_UP: Case[] = [
  ask('server-request', 'ping', undefined, { at: MODERN }),
  ask('client-method', 'tools/list'),
  notice('client-method', 'notifications/initialized'),
  ask('method-of-revision', 'elicitation/create', { message: 'a' }, { at: '2025-03-26' }),
  ask('method-of-revision', 'tasks/get', { taskId: 't' }, { at: '2025-06-18' }),
  notice('method-of-revision', 'notifications/elicitation/complete', { elicitationId: 'e' }, { at: MODERN }),
  notice('method-of-revision', 'notifications/subscriptions/acknowledged', { notifications: {} }),
  notice('method-of-revision', 'notifications/tasks/status', oldTask, { at: '2025-06-18' }),
  ask('unknown-request', 'x/y'),
  ask('unknown-request', 'toString'),
  notice('unknown-notification', 'notifications/x'),
  notice('unknown-notification', 'x/y'),
  ask('', 'ping'),
  ask('', 'ping', { _meta: { progressToken: 1 } }),
  ask('request-params', 'ping', { _meta: { progressToken: {} } }),
  ask('request-params', 'tasks/get', {}, { client: { tasks: {} } }),
  ask('', 'roots/list'),
  ask('client-capability', 'roots/list', {}, { client: {} }),
  ask('client-capability', 'sampling/createMessage', { messages: [], maxTokens: 1 }, { client: {} }),
  form('client-capability', { ...object, properties: {} }, { client: {} }),
  ask('client-tasks', 'tasks/list', {}, { client: { tasks: {} } }),
  sampled('client-tasks', { task: {} }),
  sampled('', { task: {} }, { client: { sampling: {}, tasks: { requests: { sampling: { createMessage: {} } } } } }),
];

const METADATA: Case[] = [
  result('meta', 'tools/list', { tools: [], _meta: [] }),
  ...['a b', '-a', 'a/b/c', '1.b/c', 'a-.b/c', 'a..b/c', '/c', 'a.b/-', 'ä'].map((key) =>
    result('meta-key', 'tools/list', { tools: [], _meta: { [key]: 1 } }),
  ),
  result('', 'tools/list', { tools: [], _meta: { a: 1, 'com.example/': 1, 'com.example.mcp/x_y.z-1': 1, '': 1 } }),
  result('', 'tools/list', { tools: [], _meta: { 'a b': 1 } }, { at: '2025-03-26' }),
  tools('meta-key', { _meta: { 'a b': 1 } }),
  block('meta-key', { ...text, _meta: { 'a b': 1 } }),
  result('meta-reserved', 'tools/list', { tools: [], _meta: { 'dev.mcp/x': 1 } }),
  result('', 'tools/list', { tools: [], _meta: { 'io.modelcontextprotocol/ui': 1 } }),
  ...[
    { traceparent: 'x' },
    { traceparent: `00-${'0'.repeat(32)}-${'1'.repeat(16)}-01` },
    { tracestate: 7 },
    { baggage: 'nothing' },
  ].map((_meta) => called('trace-context', { _meta }, { at: MODERN })),
  called(
    '',
    { _meta: { traceparent: `00-${'a'.repeat(32)}-${'b'.repeat(16)}-01`, tracestate: 'a=1,b=2', baggage: 'u=1;p=2' } },
    { at: MODERN },
  ),
  called('', { _meta: { traceparent: 'x' } }),
  notice('related-task', 'notifications/progress', {
    progressToken: 1,
    progress: 1,
    _meta: { [`${META}related-task`]: 't' },
  }),
  ofTask('related-task', 'tasks/result', { content: [] }),
  ofTask('related-task', 'tasks/result', { content: [], _meta: related('other') }),
  ofTask('', 'tasks/result', { content: [], _meta: related('t') }),
  ofTask('related-task-superfluous', 'tasks/get', { ...oldTask, _meta: related('t') }),
  notice('related-task-superfluous', 'notifications/tasks/status', { ...oldTask, _meta: related('t') }),
];

const DISPLAY: Case[] = [
  initialized('implementation', { serverInfo: { name: 'a' } }),
  initialized('implementation', { serverInfo: { name: 'a', version: '1', title: 7 } }),
  initialized('', { serverInfo: { name: 'a', version: '1', title: 7 } }, { at: '2025-03-26' }),
  called('implementation', { _meta: { [`${META}serverInfo`]: { name: 'a' } } }, { at: MODERN }),
  tools('icon', { icons: {} }),
  tools('icon', { icons: [{ src: 'https://a.example/', theme: 'blue' }] }),
  tools('', { icons: {} }, { at: '2025-06-18' }),
  tools('icon-src', { icons: [{ src: 'http://a.example/' }] }),
  tools('', { icons: [{ src: 'data:image/png;base64,AAAA', sizes: ['48x48', 'any'], mimeType: 'image/png' }] }),
  tools('icon-size', { icons: [{ src: 'https://a.example/', sizes: ['big'] }] }),
  ...[{ priority: 2 }, { audience: ['robot'] }, { lastModified: 7 }, []].map((annotations) =>
    block('annotations', { ...text, annotations }),
  ),
  resources('annotations', { annotations: { priority: -1 } }),
  ...['yesterday', '2025-13-01', '2025-01-12T25:00:00Z'].map((lastModified) =>
    block('last-modified', { ...text, annotations: { lastModified } }),
  ),
  ...['2025-01-12', NOW, '2025-01-12T15:00:58', '2025-01-12T15:00:58.123+01:00', '20250112T150058Z'].map(
    (lastModified) => block('', { ...text, annotations: { lastModified, priority: 0.5, audience: ['user'] } }),
  ),
];

const GRAMMARS: Case[] = [
  resources('uri', { uri: 'path/to' }),
  resources('uri', { uri: '' }),
  notice('uri', 'notifications/resources/updated', { uri: '/a' }, { server: { resources: { subscribe: true } } }),
  resources('uri-form', { uri: 'file:///a b' }),
  resources('uri-form', { uri: 'file:///a#b#c' }),
  resources('uri-form', { uri: 'memo:%zz' }),
  resources('', { uri: 'urn:isbn:1' }),
  resources('', { uri: 'file:///%C3%BC?x=1#y' }),
  ...['a:{', 'a:}', 'a:{}', 'a:{b-c}', 'a:{b:0}', 'a:{=b}', 'a:{b}}', 'a:{b,}'].map((uriTemplate) =>
    template('uri-template', uriTemplate),
  ),
  ...['a:b', 'a:{b}', 'a:{+b,c*}/{d:3}{?e,f.g}', 'a:{%20}'].map((uriTemplate) => template('', uriTemplate)),
  block('mime-type', { ...PNG, mimeType: 'png' }),
  block('', { ...PNG, mimeType: 'image/svg+xml; charset=utf-8' }),
  block('mime-type-kind', { ...PNG, mimeType: 'text/plain' }),
  resources('mime-type-form', { mimeType: 'text' }),
  read('mime-type-form', [{ uri: 'a:b', text: 'a', mimeType: '' }]),
  ...['=', 'AAA*', 'AA=A', 'A', 'data:image/png;base64,AAAA', 'AA-_'].map((data) => block('base64', { ...PNG, data })),
  read('base64', [{ uri: 'a:b', blob: '*' }]),
  ...['AAA', 'AA AA', 'AAAA\nAAAA'].map((data) => block('base64-form', { ...PNG, data })),
  ...['', 'AAAA', 'AA==', 'AAA='].map((data) => block('', { ...PNG, data })),
];

const HANDSHAKES: Case[] = [
  initialized('', {}),
  initialized('', { instructions: 'a', unknown: 1, capabilities: { custom: true, experimental: { a: {} } } }),
  initialized('initialize-result', { protocolVersion: 7 }),
  initialized('initialize-result', { capabilities: undefined }),
  initialized('initialize-result', { serverInfo: undefined }),
  initialized('initialize-result', { instructions: null }),
  initialized('protocol-version', { protocolVersion: MODERN }),
  initialized('protocol-version-known', { protocolVersion: '1999-01-01' }),
  initialized('', { protocolVersion: '2024-11-05' }),
  [
    '',
    {
      jsonrpc: '2.0',
      id: 1,
      result: { protocolVersion: '2025-11-25', capabilities: {}, serverInfo: { name: 'a', version: '1' } },
    },
    // The other era, on the same endpoint.
    {
      revision: MODERN,
      client: {},
      request: { method: 'initialize', params: { protocolVersion: '2025-11-25' }, id: 1 },
    },
  ],
  initialized('capabilities', { capabilities: { tools: true } }),
  initialized('capabilities', { capabilities: { tools: { listChanged: 'yes' } } }),
  initialized('capabilities', { capabilities: { logging: [] } }),
  initialized('capabilities', { capabilities: [] }),
  initialized('capabilities', { capabilities: { tasks: { list: true } } }),
  initialized('capabilities-of-revision', { capabilities: { extensions: { x: 1 } } }),
  initialized('capabilities-of-revision', { capabilities: { tasks: true } }, { at: '2025-06-18' }),
  discovered('', { unknown: 1 }),
  discovered('', { capabilities: TASKS, instructions: 'a' }),
  discovered('capabilities-of-revision', { capabilities: { tasks: {} } }),
  discovered('capabilities-of-tasks', { capabilities: { tasks: {}, ...TASKS } }),
  discovered('capabilities', { capabilities: { extensions: { 'com.example/a': true } } }),
  discovered('extension-id', { capabilities: { extensions: { tasks: {} } } }),
  discovered('discover-result', { supportedVersions: undefined }),
  discovered('discover-result', { capabilities: undefined }),
  discovered('discover-versions', { supportedVersions: [] }),
  discovered('discover-versions', { supportedVersions: ['2025-11-25'] }),
  discovered('discover-server-info', { serverInfo: { name: 'a', version: '1' } }),
];

const RESULTS: Case[] = [
  called('', {}, { at: MODERN }),
  called('result-type', { resultType: undefined }, { at: MODERN }),
  called('result-type', { resultType: true }, { at: MODERN }),
  called('result-type-known', { resultType: 'done' }, { at: MODERN }),
  called('', { resultType: 'done' }, { at: MODERN, client: { extensions: { 'com.example/a': {} } } }),
  called('result-server-info', { _meta: { [`${META}serverInfo`]: undefined } }, { at: MODERN }),
  ...[
    { ttlMs: undefined },
    { ttlMs: -1 },
    { ttlMs: 1.5 },
    { ttlMs: '1' },
    { cacheScope: undefined },
    { cacheScope: 'shared' },
  ].map((wrong) => result('cache', 'tools/list', { tools: [], ...wrong }, { at: MODERN })),
  needs('cache-input-required', { requestState: 'a', ttlMs: 0 }),
  called('cache-elsewhere', { ttlMs: 0, cacheScope: 'private' }, { at: MODERN }),
  called('modern-members', { resultType: 'complete' }),
  result(
    '',
    'tools/list',
    { tools: [], ttlMs: 0, cacheScope: 'private', resultType: 'complete' },
    {
      params: { _meta: { [`${META}protocolVersion`]: MODERN } },
      at: MODERN,
    },
  ),
  result('method-removed', 'ping', {}, { at: MODERN }),
  result('method-removed', 'tasks/list', { tasks: [] }, { at: MODERN }),
  result('input-required-method', 'tools/list', { resultType: 'input_required', requestState: 'a' }, { at: MODERN }),
  needs('input-required', {}),
  needs('input-required', { requestState: 7 }),
  needs('input-required', { inputRequests: [] }),
  needs('input-required', { inputRequests: {} }),
  needs('', { requestState: 'a' }),
  wants('', { method: 'roots/list' }),
  wants('', { method: 'elicitation/create', params: { message: 'a', requestedSchema: { ...object, properties: {} } } }),
  wants('input-request', 'roots/list'),
  wants('input-request', { method: 'ping' }),
  wants('input-request', { method: 'constructor' }),
  wants('input-request', { method: 'roots/list', jsonrpc: '2.0', id: 1 }),
  wants('input-request', { method: 'sampling/createMessage' }),
  wants('client-capability', { method: 'roots/list', params: {} }, { client: {} }),
  wants(
    'client-capability',
    { method: 'roots/list', params: {} },
    { params: { _meta: { [`${META}protocolVersion`]: MODERN, [`${META}clientCapabilities`]: {} } } },
  ),
  result('ping-empty', 'ping', { ok: true }),
  result('', 'ping', { _meta: {} }),
  result('empty-result', 'logging/setLevel', { ok: true }),
  result('', 'resources/subscribe', {}),
];

const LISTS: Case[] = [
  result('list', 'tools/list', {}),
  result('list', 'prompts/list', { prompts: {} }),
  result('list', 'tools/list', { tools: [], nextCursor: null }),
  result('list', 'resources/list', { resources: [], nextCursor: 7 }),
  result('', 'tools/list', { tools: [], nextCursor: 'x' }),
  result('cursor-empty', 'tools/list', { tools: [], nextCursor: '' }),
  result('', 'tools/list', { tools: [], nextCursor: '' }, { at: MODERN }),
  result('unique-names', 'tools/list', {
    tools: [
      { name: 'a', inputSchema: object },
      { name: 'a', inputSchema: object },
    ],
  }),
  result('', 'tools/list', {
    tools: [
      { name: 'a', inputSchema: object },
      { name: 'A', inputSchema: object },
    ],
  }),
  prompts('unique-names', { arguments: [{ name: 'x' }, { name: 'x' }] }),
  tools('feature-declared', {}, { server: {} }),
  tools('', {}, { server: { tools: {} } }),
  result('', 'tools/list', { tools: [] }, { server: {} }),
  completed('', { values: [] }),
  result('feature-declared', 'completion/complete', { completion: { values: ['a'] } }, { server: {} }),
  read('feature-declared', [{ uri: 'a:b', text: 'a' }], { server: {} }),
];

const TOOLS: Case[] = [
  tools('', { title: 'a', description: 'b', annotations: { readOnlyHint: true, title: 'c' }, unknown: 1 }),
  tools('tool', { name: undefined }),
  tools('tool', { description: null }),
  tools('tool', { title: 7 }),
  tools('', { title: 7 }, { at: '2025-03-26' }),
  tools('tool-name', { name: 'a b' }),
  tools('tool-name', { name: '' }),
  tools('tool-name', { name: 'a'.repeat(129) }, { at: MODERN }),
  tools('', { name: 'a/b' }, { at: '2025-06-18' }),
  ...[undefined, null, [], {}, { type: 'array' }, { type: ['object'] }, { type: 'object', $schema: 7 }].map(
    (inputSchema) => tools('tool-input-schema', { inputSchema }),
  ),
  ...[null, [], { type: 'array' }].map((outputSchema) => tools('tool-output-schema', { outputSchema })),
  tools('', { outputSchema: { type: 'array' } }, { at: MODERN }),
  tools('tool-output-schema', { outputSchema: true }, { at: MODERN }),
  tools('', { outputSchema: 7 }, { at: '2025-03-26' }),
  tools('tool-properties', { inputSchema: { ...object, properties: { a: true } } }),
  tools('', { inputSchema: { ...object, properties: { a: true } } }, { at: MODERN }),
  tools('tool-annotations', { annotations: { readOnlyHint: 'yes' } }),
  tools('tool-annotations', { annotations: null }),
  tools('tool-task-support', { execution: { taskSupport: 'always' } }),
  tools('', { execution: { taskSupport: 'optional' } }),
  tools('tool-execution', { execution: { taskSupport: 'optional' } }, { at: MODERN }),
  tools('schema-valid', { inputSchema: { ...object, properties: { a: { type: 'text' } } } }),
  tools('schema-valid', { inputSchema: { ...object, required: 'a' } }),
  tools('schema-valid', { outputSchema: { ...object, properties: { a: { items: [object] } } } }),
  tools('', { inputSchema: { ...object, properties: { a: { items: [object] } } } }, { at: '2025-06-18' }),
  tools('', {
    inputSchema: {
      ...object,
      $schema: 'http://json-schema.org/draft-07/schema#',
      properties: { a: { items: [object] } },
    },
  }),
  tools('', {
    inputSchema: { ...object, $schema: 'http://json-schema.org/draft-04/schema#', properties: { a: { type: 'text' } } },
  }),
  tools('', { inputSchema: { ...object, id: 'x', nullable: true, $defs: { a: { $id: 'https://a.example/a' } } } }),
  tools('schema-ref', { inputSchema: { ...object, properties: { a: { $ref: '#/$defs/none' } } } }),
  tools('schema-ref', {
    inputSchema: { ...object, $id: 'https://a.example/s', properties: { a: { $ref: '#/$defs/none' } } },
  }),
  tools('', {
    inputSchema: { ...object, properties: { a: { $ref: '#' }, b: { $ref: '#/$defs/b' } }, $defs: { b: {} } },
  }),
  tools('schema-external', { inputSchema: { ...object, properties: { a: { $ref: 'https://a.example/s' } } } }),
  tools('', {
    inputSchema: { ...object, properties: { a: { $ref: 'https://json-schema.org/draft/2020-12/schema' } } },
  }),
  tools('schema-pattern', { inputSchema: { ...object, properties: { a: { pattern: '(' } } } }),
  tools('', { inputSchema: { ...object, properties: { a: { pattern: '\\-' } } } }),
  ...['', 'two words', 7].map((name) => marked('header-name', { properties: { a: mark(name) } })),
  marked('header-name', { properties: { a: mark('X'), b: mark('x') } }),
  ...['number', 'object', undefined].map((type) =>
    marked('header-type', { properties: { a: { ...mark('X'), type } } }),
  ),
  marked('', { properties: { a: mark('X', 'integer'), b: { ...object, properties: { 'x-mcp-header': mark('Y') } } } }),
  marked('header-place', { properties: { a: { type: 'array', items: mark('X') } } }),
  marked('header-place', { anyOf: [{ properties: { a: mark('X') } }] }),
  marked('header-place', { $defs: { a: mark('X') } }),
  marked('header-place header-type', { 'x-mcp-header': 'X' }),
];

const person = { type: 'object', properties: { name: { type: 'string' } }, required: ['name'] };
const ada = { structuredContent: { name: 'Ada' }, content: [{ type: 'text', text: '{ "name": "Ada" }' }] };

const TOOL_RESULTS: Case[] = [
  called('tool-result', { content: undefined }),
  called('tool-result', { content: undefined, structuredContent: undefined }, { at: MODERN }),
  called('tool-result', { isError: 'no' }),
  called('', { content: [], isError: true, unknown: 1 }),
  ...[
    { type: 'text' },
    { type: 'text', text: 7 },
    { type: 'resource' },
    { type: 'resource', resource: { uri: 'a:b' } },
    'text',
  ].map((one) => block('content', one)),
  block('content', { type: 'resource_link', uri: 'a:b' }),
  block('content-kind', { type: 'video' }),
  block('content-kind', { type: 'toString' }),
  block('content-kind', { type: 'resource_link', uri: 'a:b', name: 'a' }, { at: '2025-03-26' }),
  block('content-kind', { type: 'tool_use', id: 'a', name: 'b', input: {} }),
  block('', { type: 'resource_link', uri: 'a:b', name: 'a', size: 2 ** 60 }, { at: '2025-06-18' }),
  block('', { type: 'resource', resource: { uri: 'a:b', blob: 'AAAA' } }),
  block('', { type: 'audio', data: 'AAAA', mimeType: 'audio/wav' }, { at: '2025-03-26' }),
  block('embedded-declared', { type: 'resource', resource: { uri: 'a:b', text: 'a' } }, { server: { tools: {} } }),
  called('structured-object', { structuredContent: [1] }),
  called('', { structuredContent: [1] }, { at: '2025-03-26' }),
  called('', { structuredContent: [1], content: [{ type: 'text', text: '[1]' }] }, { at: MODERN }),
  called('structured-text', { structuredContent: { a: 1 } }),
  called('structured-text', { structuredContent: { a: 1 }, content: [{ type: 'text', text: '{"a":2}' }] }),
  called('', { structuredContent: null, content: [{ type: 'text', text: 'null' }] }, { at: MODERN }),
  called('', { structuredContent: 'a' }, { at: MODERN }),
  called('', ada, schemaOf(person)),
  called('structured-missing', {}, schemaOf(person)),
  called('', { isError: true }, schemaOf(person)),
  called(
    'structured-schema',
    { structuredContent: { age: 1 }, content: [{ type: 'text', text: '{"age":1}' }] },
    schemaOf(person),
  ),
  called(
    'structured-schema',
    ada,
    schemaOf({ ...person, additionalProperties: false, properties: { name: { pattern: '^B' } } }),
  ),
  called('', ada, schemaOf({ ...person, $schema: 'http://json-schema.org/draft-04/schema#', required: ['age'] })),
  called('', ada, schemaOf({ $ref: 'https://a.example/s' })),
  called('', { structuredContent: { a: 1 }, isError: true }, schemaOf(person)),
];

const RESOURCES_AND_PROMPTS: Case[] = [
  resources('', { title: 'a', size: 0, mimeType: 'inode/directory' }),
  resources('resource', { name: undefined }),
  resources('resource', { uri: undefined }),
  resources('resource', { description: null }),
  template('resource', undefined),
  resources('resource-size', { size: 1.5 }),
  resources('resource-size', { size: '1' }),
  resources('resource-size-negative', { size: -1 }),
  read('', [
    { uri: 'a:b', text: '' },
    { uri: 'a:c', blob: '' },
  ]),
  read('contents', undefined),
  read('contents', [{ uri: 'a:b' }]),
  read('contents', [{ text: 'a' }]),
  read('contents', [{ uri: 'a:b', text: 7 }]),
  read('contents', ['text']),
  read('contents-both', [{ uri: 'a:b', text: 'a', blob: 'AAAA' }]),
  read('contents-empty', []),
  read('contents-empty', [], { at: MODERN }),
  prompts('', { title: 'a', arguments: [{ name: 'x', required: true, title: 'X' }] }),
  prompts('prompt', { name: 7 }),
  prompts('prompt', { arguments: {} }),
  prompts('prompt', { arguments: [{ name: 'x', required: 'yes' }] }),
  prompts('prompt', { arguments: [{ name: 'x', title: 7 }] }),
  prompted('', {}),
  prompted('', { content: { type: 'resource_link', uri: 'a:b', name: 'a' } }),
  prompted('content-kind', { content: { type: 'resource_link', uri: 'a:b', name: 'a' } }, { at: '2025-03-26' }),
  prompted('prompt-result', { role: 'system' }),
  prompted('prompt-result', { content: [text] }),
  result('prompt-result', 'prompts/get', {}),
  result('prompt-result', 'prompts/get', { messages: ['a'] }),
  result('prompt-result', 'prompts/get', { messages: [], description: null }),
  completed('', { values: ['a'], total: 2 ** 60, hasMore: true }),
  completed('completion', undefined),
  completed('completion', { values: [7] }),
  completed('completion', { values: Array.from({ length: 101 }, () => 'a') }),
  completed('completion', { values: [], total: 1.5 }),
  completed('completion', { values: [], hasMore: 'no' }),
  completed('completion-total', { values: ['a'], total: 0 }),
];

const everything = {
  logging: {},
  tools: { listChanged: true },
  prompts: { listChanged: true },
  resources: { subscribe: true, listChanged: true },
};

const NOTIFICATIONS: Case[] = [
  notice('', 'notifications/cancelled', { requestId: 1, reason: 'a' }),
  notice('cancelled', 'notifications/cancelled', {}),
  notice('cancelled', 'notifications/cancelled', { requestId: null }),
  notice('cancelled', 'notifications/cancelled', { requestId: 1, reason: 7 }),
  notice('cancelled-modern', 'notifications/cancelled', { requestId: 1 }, { at: MODERN }),
  notice('', 'notifications/progress', { progressToken: 2 ** 60, progress: 0.5, total: 1, message: 'a' }),
  ...[
    { progressToken: 1 },
    { progress: 1 },
    { progressToken: 1.5, progress: 1 },
    { progressToken: 1, progress: '1' },
    { progressToken: 1, progress: 1, total: null },
  ].map((params) => notice('progress', 'notifications/progress', params)),
  notice('progress', 'notifications/progress'),
  notice('', 'notifications/message', { level: 'info', data: null }),
  notice('log', 'notifications/message', { level: 'fatal', data: 'a' }),
  notice('log', 'notifications/message', { level: 'info' }),
  notice('log', 'notifications/message', { level: 'info', data: 'a', logger: 7 }),
  notice('notification-declared', 'notifications/message', { level: 'info', data: 'a' }, { server: {} }),
  notice('notification-declared', 'notifications/tools/list_changed', {}, { server: { tools: {} } }),
  notice(
    'notification-declared',
    'notifications/tools/list_changed',
    {},
    { server: { tools: { listChanged: false } } },
  ),
  notice('notification-declared', 'notifications/resources/updated', { uri: 'a:b' }, { server: { resources: {} } }),
  notice('notification-declared', 'notifications/tasks/status', oldTask, { server: {} }),
  notice('', 'notifications/tools/list_changed', undefined, { server: everything }),
  notice('', 'notifications/tools/list_changed'),
  notice('notification-params', 'notifications/resources/updated', {}),
  notice('notification-params', 'notifications/elicitation/complete', {}),
  notice('', 'notifications/elicitation/complete', { elicitationId: 'e' }),
  notice('elicitation-mode', 'notifications/elicitation/complete', { elicitationId: 'e' }, { client: {} }),
  notice('', 'notifications/subscriptions/acknowledged', { notifications: {}, _meta: listened }, { at: MODERN }),
  notice('acknowledged', 'notifications/subscriptions/acknowledged', { _meta: listened }, { at: MODERN }),
  notice(
    'acknowledged',
    'notifications/subscriptions/acknowledged',
    { _meta: listened, notifications: { toolsListChanged: 1 } },
    { at: MODERN },
  ),
  notice(
    'acknowledged',
    'notifications/subscriptions/acknowledged',
    { _meta: listened, notifications: { taskIds: 't' } },
    { at: MODERN },
  ),
  notice(
    'acknowledged-declared',
    'notifications/subscriptions/acknowledged',
    { _meta: listened, notifications: { resourceSubscriptions: ['a:b'], toolsListChanged: false } },
    { at: MODERN, server: { resources: {} } },
  ),
  notice('subscription-id', 'notifications/tools/list_changed', {}, { at: MODERN }),
  notice(
    'subscription-id',
    'notifications/resources/updated',
    { uri: 'a:b', _meta: { [`${META}subscriptionId`]: 1.5 } },
    { at: MODERN },
  ),
  notice(
    '',
    'notifications/resources/updated',
    { uri: 'a:b', _meta: { [`${META}subscriptionId`]: '' } },
    { at: MODERN },
  ),
  result('subscription-id', 'subscriptions/listen', {}, { at: MODERN }),
  result('', 'subscriptions/listen', { _meta: listened }, { at: MODERN }),
];

const choices = ['a', 'b'];
const titled = choices.map((one) => ({ const: one, title: one.toUpperCase() }));

const ELICITATION: Case[] = [
  form('', {
    ...object,
    properties: {},
    $schema: 'https://json-schema.org/draft/2020-12/schema',
    additionalProperties: false,
  }),
  ask('elicitation', 'elicitation/create'),
  ask('elicitation', 'elicitation/create', { requestedSchema: { ...object, properties: {} } }),
  ask('elicitation', 'elicitation/create', { mode: 'voice', message: 'a' }),
  form('elicitation', undefined),
  form('elicitation', { type: 'array' }),
  form('elicitation', object),
  form('elicitation', { ...object, properties: {}, required: 'a' }),
  form('elicitation-mode', { ...object, properties: {} }, { client: { elicitation: { url: {} } } }),
  form('', { ...object, properties: {} }, { client: { elicitation: {} } }),
  byUrl('elicitation-mode', {}, { client: { elicitation: {} } }),
  byUrl('elicitation-mode', {}, { at: '2025-06-18' }),
  ...[
    'text',
    {},
    { type: 'object' },
    { type: 'null' },
    { type: 'string', title: 7 },
    { type: 'string', format: 'phone' },
    { type: 'string', minLength: 1.5 },
    { type: 'string', enum: [1] },
    { type: 'string', enum: choices, enumNames: 'ab' },
    { type: 'string', oneOf: [{ const: 'a' }] },
    { type: 'string', default: 7 },
    { type: 'number', minimum: '1' },
    { type: 'integer', default: '1' },
    { type: 'boolean', default: 'yes' },
    { type: 'array' },
    { type: 'array', items: object },
    { type: 'array', items: { enum: choices } },
    { type: 'array', items: { anyOf: choices } },
    { type: 'array', items: { anyOf: titled }, default: 'a' },
  ].map((one) => field('elicitation-field', one)),
  field('elicitation-field', { type: 'array', items: { type: 'string', enum: choices } }, { at: '2025-06-18' }),
  field('', { type: 'string', default: 7 }, { at: '2025-06-18' }),
  field('', { type: 'boolean', default: true, title: 'a', description: 'b', unknown: 1 }),
  field('', { type: 'string', minLength: 1, maxLength: 9, pattern: '^a', format: 'email', default: 'a@b' }),
  field('', { type: 'string', enum: choices, enumNames: ['A', 'B'], default: 'a' }),
  field('', { type: 'string', oneOf: titled, default: 'b' }),
  field('', { type: 'number', minimum: 0, maximum: 1, default: 0.5 }),
  field('', { type: 'array', items: { type: 'string', enum: choices }, minItems: 1, maxItems: 2, default: ['a'] }),
  field('', { type: 'array', items: { anyOf: titled } }),
  field('elicitation-keyword', { type: 'string', allOf: [] }),
  form('elicitation-keyword', { ...object, properties: {}, if: {} }),
  form('elicitation-required', { ...object, properties: {}, required: ['a'] }),
  form('elicitation-required', { ...object, properties: {}, required: ['constructor'] }),
  ...[
    { type: 'string', enum: [] },
    { type: 'string', enum: ['a', 'a'] },
    { type: 'string', enum: choices, enumNames: ['A'] },
    { type: 'string', minLength: 2, maxLength: 1 },
    { type: 'number', minimum: 2, maximum: 1 },
    { type: 'array', items: { anyOf: [] } },
  ].map((one) => field('elicitation-options', one)),
  ...[
    { type: 'string', enum: choices, default: 'c' },
    { type: 'string', oneOf: titled, default: 'c' },
    { type: 'string', maxLength: 1, default: 'ab' },
    { type: 'string', format: 'email', default: 'ab' },
    { type: 'string', format: 'uri', default: 'ab' },
    { type: 'string', format: 'date', default: NOW },
    { type: 'string', format: 'date-time', default: '2025-01-01' },
    { type: 'integer', default: 0.5 },
    { type: 'number', maximum: 1, default: 2 },
    { type: 'array', items: { anyOf: titled }, default: ['c'] },
    { type: 'array', items: { anyOf: titled }, maxItems: 1, default: ['a', 'b'] },
  ].map((one) => field('elicitation-default', one)),
  form('elicitation-secret', { ...object, properties: { api_key: { type: 'string' } } }),
  form('', { ...object, properties: { password: { type: 'boolean' }, token_count: { type: 'string' } } }),
  ask('elicitation-link', 'elicitation/create', {
    message: 'see https://a.example',
    requestedSchema: { ...object, properties: {} },
  }),
  byUrl('', {}),
  byUrl('elicitation-url', { url: 'here' }),
  byUrl('elicitation-url', { url: undefined }),
  byUrl('elicitation-url-https', { url: 'http://a.example/' }),
  byUrl('', { url: 'http://localhost:3000/' }),
  byUrl('elicitation-url-credentials', { url: 'https://me:secret@a.example/' }),
  byUrl('elicitation-id', { elicitationId: undefined }),
  wants('', { method: 'elicitation/create', params: { mode: 'url', message: 'a', url: 'https://a.example/' } }),
  wants('elicitation-id-removed', {
    method: 'elicitation/create',
    params: { mode: 'url', message: 'a', url: 'https://a.example/', elicitationId: 'e' },
  }),
];

const SAMPLING: Case[] = [
  sampled('', {}),
  sampled('', {
    temperature: 0.5,
    stopSequences: ['a'],
    modelPreferences: { hints: [{ name: 'a' }], costPriority: 1 },
    metadata: {},
  }),
  ask('sampling', 'sampling/createMessage'),
  sampled('sampling', { messages: undefined }),
  sampled('sampling', { messages: ['a'] }),
  sampled('sampling', { messages: [{ role: 'system', content: text }] }),
  sampled('sampling', { maxTokens: undefined }),
  sampled('sampling', { maxTokens: 1.5 }),
  sampled('sampling', { modelPreferences: { speedPriority: 2 } }),
  sampled('sampling', { includeContext: 'some' }),
  sampled('sampling', { tools: {} }),
  sampled('tool-input-schema', { tools: [{ name: 'a' }] }),
  sampled('sampling', { toolChoice: { mode: 'never' } }),
  sampled('', { toolChoice: { mode: 'never' }, tools: 7 }, { at: '2025-06-18' }),
  sampled('sampling-max-tokens', { maxTokens: 0 }),
  sampled('', { maxTokens: 2 ** 60 }),
  sampled('sampling-content', { messages: [{ role: 'user', content: { type: 'resource', resource: {} } }] }),
  sampled('sampling-content', { messages: [{ role: 'user', content: [text] }] }, { at: '2025-06-18' }),
  sampled('', { messages: [{ role: 'user', content: [text, PNG] }] }),
  sampled('base64', { messages: [{ role: 'user', content: { ...PNG, data: '*' } }] }),
  sampled('sampling-content sampling-tool-results', {
    messages: [{ role: 'assistant', content: { type: 'tool_use', id: 'a' } }],
  }),
  sampled('sampling-tools', { tools: [] }, { client: { sampling: {} } }),
  sampled('sampling-tools', { toolChoice: { mode: 'auto' } }, { client: { sampling: {} } }),
  sampled('', { tools: [{ name: 'a', inputSchema: object }], toolChoice: { mode: 'none' } }),
  sampled('sampling-context', { includeContext: 'thisServer' }, { client: { sampling: {} } }),
  sampled('', { includeContext: 'none' }, { client: { sampling: {} } }),
  sampled('', { includeContext: 'allServers' }, { at: '2025-06-18' }),
  sampled('', { messages: [use('a'), used('a')] }),
  sampled('sampling-tool-results', { messages: [use('a')] }),
  sampled('sampling-tool-results', { messages: [use('a'), { role: 'user', content: text }] }),
  sampled('sampling-tool-results', { messages: [use('a'), used('a', 'b')] }),
  sampled('sampling-tool-results', { messages: [used('a')] }),
  sampled('sampling-tool-results', { messages: [use('a'), { role: 'user', content: [text, ...used('a').content] }] }),
  sampled('structured-object', {
    messages: [use('a'), { role: 'user', content: { ...used('a').content[0], structuredContent: 7 } }],
  }),
  wants('', { method: 'sampling/createMessage', params: { messages: [], maxTokens: 1 } }),
  wants(
    'sampling-tools',
    { method: 'sampling/createMessage', params: { messages: [], maxTokens: 1, tools: [] } },
    { client: { sampling: {} } },
  ),
];

const listedTasks = { params: {} };

const TASK_CASES: Case[] = [
  created('', oldTask),
  created('task', 'text'),
  created('task', { ...oldTask, ttl: undefined }),
  created('task', { ...oldTask, status: 'done' }),
  created('task', { ...oldTask, ttl: 1.5 }),
  created('task-times', { ...oldTask, createdAt: 'now' }),
  created('task-asked', oldTask, { params: { name: 'a' } }),
  created('task-asked', oldTask, { server: { tools: {}, tasks: {} } }),
  created('', oldTask, { server: { tools: {}, tasks: { requests: { tools: { call: {} } } } } }),
  created('task-new', { ...oldTask, status: 'completed' }),
  ofTask('', 'tasks/get', oldTask),
  ofTask('task-echo', 'tasks/get', { ...oldTask, taskId: 'u' }),
  ofTask('task-status-message', 'tasks/get', { ...oldTask, status: 'failed' }),
  ofTask('', 'tasks/get', { ...oldTask, status: 'failed', statusMessage: 'a' }),
  ofTask('task-cancelled', 'tasks/cancel', oldTask),
  ofTask('', 'tasks/cancel', { ...oldTask, status: 'cancelled' }),
  result('', 'tasks/list', { tasks: [oldTask] }, listedTasks),
  result('unique-names', 'tasks/list', { tasks: [oldTask, oldTask] }, listedTasks),
  notice('', 'notifications/tasks/status', oldTask),
  notice('task', 'notifications/tasks/status', { taskId: 't' }),
  result('', 'tools/call', { resultType: 'task', ...newTask }, modernTask),
  result('task-method', 'prompts/get', { resultType: 'task', ...newTask }, modernTask),
  result('task-extension', 'tools/call', { resultType: 'task', ...newTask }, { ...modernTask, client: {} }),
  result('task-extension', 'tools/call', { resultType: 'task', ...newTask }, { ...modernTask, server: { tools: {} } }),
  result('task', 'tools/call', { resultType: 'task', task: newTask }, modernTask),
  result('task-flat', 'tools/call', { resultType: 'task', ...newTask, requestState: 'a' }, modernTask),
  result('task-legacy-members', 'tools/call', { resultType: 'task', ...newTask, ttl: 1 }, modernTask),
  ofTask('', 'tasks/get', newTask, modernTask),
  ofTask('task-extension', 'tasks/get', newTask, { ...modernTask, client: {} }),
  ofTask('task-echo', 'tasks/get', { ...newTask, taskId: 'u' }, modernTask),
  ofTask('task-payload', 'tasks/get', { ...newTask, status: 'completed' }, modernTask),
  ofTask('task-payload', 'tasks/get', { ...newTask, status: 'input_required' }, modernTask),
  ofTask('task-payload', 'tasks/get', { ...newTask, status: 'failed', statusMessage: 'a' }, modernTask),
  ofTask(
    'error-object',
    'tasks/get',
    { ...newTask, status: 'failed', statusMessage: 'a', error: { code: 'x', message: 'a' } },
    modernTask,
  ),
  ofTask('', 'tasks/get', { ...newTask, status: 'completed', result: { content: [text], isError: true } }, modernTask),
  ofTask(
    'content-kind',
    'tasks/get',
    { ...newTask, status: 'completed', result: { content: [{ type: 'video' }] } },
    modernTask,
  ),
  ofTask(
    'client-capability',
    'tasks/get',
    { ...newTask, status: 'input_required', inputRequests: { a: { method: 'roots/list' } } },
    modernTask,
  ),
  ofTask('', 'tasks/update', {}, modernTask),
  ofTask('empty-result', 'tasks/update', { ok: true }, modernTask),
  ofTask('empty-result task-ack', 'tasks/cancel', newTask, modernTask),
  notice('', 'notifications/tasks', { ...newTask, _meta: listened }, modernTask),
  notice('task-extension', 'notifications/tasks', { ...newTask, _meta: listened }, { ...modernTask, client: {} }),
  notice('task', 'notifications/tasks', { ...newTask, status: 'done', _meta: listened }, modernTask),
];

const CASES: Record<string, Case[]> = {
  'JSON-RPC': JSON_RPC,
  errors: ERRORS,
  'what a server says of its own accord': SPOKEN_UP,
  _meta: METADATA,
  'names, icons, annotations': DISPLAY,
  'URIs, MIME types, base64': GRAMMARS,
  handshakes: HANDSHAKES,
  results: RESULTS,
  lists: LISTS,
  tools: TOOLS,
  'tool results': TOOL_RESULTS,
  'resources, prompts, completion': RESOURCES_AND_PROMPTS,
  notifications: NOTIFICATIONS,
  elicitation: ELICITATION,
  sampling: SAMPLING,
  tasks: TASK_CASES,
};

const told = (message: unknown, spoken: Spoken) =>
  [...new Set(faultsOf(message, spoken).map(({ check }) => check.replace(/^wire\./, '')))].sort().join(' ');

for (const [group, cases] of Object.entries(CASES)) {
  test(`${group}: what is wrong is told, and nothing else`, () => {
    const wrong = cases.flatMap(([tells, message, spoken]) => {
      const got = told(message, spoken);
      return got === tells
        ? []
        : [
            {
              expected: tells,
              got: faultsOf(message, spoken).map(({ check, why }) => `${check}: ${why}`),
              message: JSON.stringify(message),
              at: spoken.revision,
            },
          ];
    });
    assert.deepEqual(wrong, []);
  });
}

test('every check has a message that breaks it', () => {
  const broken = new Set(Object.values(CASES).flatMap((cases) => cases.flatMap(([tells]) => tells.split(' '))));
  assert.deepEqual(
    SHAPE_CHECKS.map(({ check }) => check).filter((check) => !broken.has(check.replace(/^wire\./, ''))),
    [],
  );
});

test('checks have names of their own, and no message is blamed for a rule that is softer', () => {
  const names = [...SHAPE_CHECKS, ...WIRE_CHECKS].map(({ check }) => check);
  assert.deepEqual(
    names.filter((name, index) => names.indexOf(name) !== index),
    [],
  );
  const levels = new Map(SHAPE_CHECKS.map(({ check, level }) => [check, level]));
  for (const [, message, spoken] of Object.values(CASES).flat())
    for (const { check, level, requirement } of faultsOf(message, spoken)) {
      assert.equal(level, levels.get(check));
      assert.ok(requirement.length > 0);
    }
});

test('members that nobody knows are no fault of a message that is right', () => {
  const unknown = { 'x-unknown': { any: ['thing'] } };
  const wrong: string[] = [];
  for (const [tells, message, spoken] of Object.values(CASES).flat()) {
    if (tells !== '' || !isRecord(message) || spoken.request?.method === 'ping') continue;
    const more = Object.entries({ ...message, ...unknown }).map(([key, value]) => [
      key,
      ['result', 'params', 'error'].includes(key) && isRecord(value) ? { ...value, ...unknown } : value,
    ]);
    for (const { check, level, why } of faultsOf(Object.fromEntries(more), spoken))
      if (level !== 'MAY') wrong.push(`${check}: ${why}`);
  }
  assert.deepEqual(wrong, []);
});

test('a fault says where it is, and a thousand of one kind are three', () => {
  const list = Array.from({ length: 1000 }, (_, index) => ({ name: `a ${index}`, inputSchema: object }));
  const [, message, spoken] = result('', 'tools/list', { tools: list });
  const faults = faultsOf(message, spoken);
  assert.deepEqual(
    faults.map(({ why }) => why.split(' ')[0]),
    ['result.tools[0].name', 'result.tools[1].name', 'result.tools[2].name'],
  );
});

describe('nothing that a server says can break the harness or hold it up', () => {
  const QUICK_MS = 2000;
  const quick = (name: string, schema: unknown, data: unknown) =>
    test(name, () => {
      const before = performance.now();
      const params = { name: 'a' };
      const answer = (given: Json) => ({ jsonrpc: '2.0', id: 1, result: given });
      const spoken = (method: string) => spokenOf({ ...schemaOf(schema), request: { method, params, id: 1 } });
      const listed = [{ name: 'a', inputSchema: object, outputSchema: schema }];
      faultsOf(answer({ tools: listed }), spoken('tools/list'));
      faultsOf(answer({ content: [], structuredContent: data }), spoken('tools/call'));
      assert.ok(performance.now() - before < QUICK_MS, `${performance.now() - before} ms`);
    });
  const nested = (depth: number, wrap: (inner: unknown) => unknown) => {
    let value: unknown = {};
    for (let level = 0; level < depth; level++) value = wrap(value);
    return value;
  };
  const doubled = Object.fromEntries(
    Array.from({ length: 40 }, (_, level) => [
      `d${level}`,
      { allOf: [{ $ref: `#/$defs/d${level + 1}` }, { $ref: `#/$defs/d${level + 1}` }] },
    ]),
  );
  quick(
    'a pattern that backtracks',
    { ...object, properties: { a: { pattern: '^(a+)+$' } } },
    { a: `${'a'.repeat(60)}!` },
  );
  quick(
    'a pattern that looks far',
    { ...object, properties: { a: { pattern: 'a.*b.*c' } } },
    { a: 'ab'.repeat(100_000) },
  );
  quick('schemas that double forty times', { ...object, $defs: { ...doubled, d40: {} }, $ref: '#/$defs/d0' }, { a: 1 });
  quick(
    'a circle that doubles at each level of the data',
    { ...object, allOf: Array.from({ length: 4 }, () => ({ properties: { a: { $ref: '#' } } })) },
    nested(100, (a) => ({ a })),
  );
  quick('a schema that is itself', { ...object, $ref: '#' }, {});
  quick('a schema of a promise', { ...object, $async: true, required: ['b'] }, { a: 1 });
  quick(
    'a schema that is deep',
    nested(20_000, (a) => ({ ...object, properties: { a } })),
    {},
  );
  quick(
    'a schema that is long',
    { ...object, properties: Object.fromEntries(Array.from({ length: 20_000 }, (_, n) => [`p${n}`, object])) },
    {},
  );
  quick(
    'data that is deep',
    { ...object, properties: { a: { $ref: '#' } } },
    nested(20_000, (a) => ({ a })),
  );
  quick(
    'unique items, many of them',
    { ...object, properties: { a: { uniqueItems: true } } },
    { a: Array.from({ length: 100_000 }, (_, n) => ({ n })) },
  );

  test('megabytes of base64, URIs and keys', () => {
    const long = 'A'.repeat(8_000_000);
    const before = performance.now();
    assert.equal(told(...(block('', { ...PNG, data: long }).slice(1) as [unknown, Spoken])), '');
    assert.equal(told(...(block('', { ...PNG, data: `${long}*` }).slice(1) as [unknown, Spoken])), 'base64');
    assert.equal(told(...(resources('', { uri: `data:,${long}` }).slice(1) as [unknown, Spoken])), '');
    assert.equal(told(...(template('', `{${long}`).slice(1) as [unknown, Spoken])), '');
    faultsOf(...(called('', { _meta: { [`${'a-'.repeat(1_000_000)}!`]: 1 } }).slice(1) as [unknown, Spoken]));
    assert.ok(performance.now() - before < QUICK_MS, `${performance.now() - before} ms`);
  });

  test('anything at all, in any place', () => {
    const requests = [
      'initialize',
      'server/discover',
      'ping',
      'prompts/get',
      'completion/complete',
      'tasks/get',
      'x',
      ...CACHED,
    ];
    const messages = Object.values(CASES).flatMap((cases) => cases.map(([, message]) => message));
    const method = fc.constantFrom(...requests, 'tools/call', 'subscriptions/listen', 'toString', '__proto__');
    fc.assert(
      fc.property(
        fc.constantFrom(...messages),
        fc.jsonValue(),
        fc.array(fc.nat(20), { maxLength: 8 }),
        method,
        fc.constantFrom(...REVISIONS),
        fc.constantFrom<Json>({}, everything, TASKS),
        (message, value, path, name, revision, declared) => {
          const spoken = {
            revision,
            client: declared,
            server: declared,
            request: { method: name, params: { task: {} }, id: 1 },
          };
          faultsOf(value, spoken);
          faultsOf({ jsonrpc: '2.0', id: 1, result: value }, spoken);
          faultsOf({ jsonrpc: '2.0', method: name, params: value }, spoken);
          faultsOf(replaced(message, path, value), spoken);
        },
      ),
      { numRuns: 3000 },
    );
  });

  /** The same with another value at the end of a path of the n-th members. */
  function replaced(value: unknown, [first, ...rest]: readonly number[], by: unknown): unknown {
    if (first === undefined || typeof value !== 'object' || value === null) return by;
    const entries = Object.entries(value);
    const chosen = entries[first % entries.length]?.[0];
    if (chosen === undefined) return by;
    const changed = entries.map(([key, one]) => [key, key === chosen ? replaced(one, rest, by) : one] as const);
    return Array.isArray(value) ? changed.map(([, one]) => one) : Object.fromEntries(changed);
  }
});

const structured: Feature[] = [
  tool('structured', { description: 'Answers a person', outputSchema: z.object({ name: z.string() }) }, () => ({
    name: 'Ada',
  })),
  tool('structured_list', { description: 'Answers a list', outputSchema: z.array(z.int()) }, () => [1, 2]),
  tool('structured_text', { description: 'Answers a text', outputSchema: z.string() }, () => 'Ada'),
];

/** What a client of a revision is told by a server in this process, all of it judged. */
class Listener {
  readonly faults: string[] = [];
  readonly kinds = new Set<string>();
  heard = 0;
  readonly #fetch: (request: Request) => Promise<Response>;
  readonly #revision: Revision;
  readonly #client: Json;
  readonly #schemas = new Map<string, unknown>();
  #server: Json | undefined;
  #session: string | undefined;
  #ids = 0;

  constructor(fetch: (request: Request) => Promise<Response>, revision: Revision) {
    this.#fetch = fetch;
    this.#revision = revision;
    this.#client = capabilitiesOf(revision);
  }

  async open(): Promise<void> {
    const { capabilities } = isStateless(this.#revision)
      ? await this.ask('server/discover')
      : await this.ask('initialize', {
          protocolVersion: this.#revision,
          capabilities: this.#client,
          clientInfo: { name: 'listener', version: '1' },
        });
    this.#server = capabilities as Json;
    if (!isStateless(this.#revision)) await this.#post({ jsonrpc: '2.0', method: 'notifications/initialized' }, {});
  }

  /** @param until what ends the reading of a stream that would go on */
  async ask(method: string, params: Json = {}, until?: string): Promise<Json> {
    const headers: Record<string, string> = {};
    const request: Json = { jsonrpc: '2.0', id: ++this.#ids, method, params };
    if (isStateless(this.#revision)) {
      headers['mcp-protocol-version'] = this.#revision;
      headers['mcp-method'] = method;
      const name = params.name ?? params.uri;
      if (typeof name === 'string') headers['mcp-name'] = name;
      request.params = {
        ...params,
        _meta: {
          [`${META}protocolVersion`]: this.#revision,
          [`${META}clientCapabilities`]: this.#client,
          [`${META}logLevel`]: 'debug',
          progressToken: this.#ids,
        },
      };
    } else request.params = { ...params, _meta: { progressToken: this.#ids } };
    const answer = (await this.#post(request, headers, until)) ?? {};
    for (const { name, outputSchema } of (answer.tools ?? []) as Json[])
      if (outputSchema !== undefined) this.#schemas.set(String(name), outputSchema);
    return answer;
  }

  async #post(message: Json, more: Record<string, string>, until?: string): Promise<Json | undefined> {
    const headers: Record<string, string> = {
      'content-type': 'application/json',
      accept: 'application/json, text/event-stream',
      ...more,
    };
    if (this.#session !== undefined) headers['mcp-session-id'] = this.#session;
    if (this.#session !== undefined && this.#revision >= '2025-06-18') headers['mcp-protocol-version'] = this.#revision;
    const body = JSON.stringify(message);
    const response = await this.#fetch(new Request('http://localhost/mcp', { method: 'POST', headers, body }));
    this.#session ??= response.headers.get('mcp-session-id') ?? undefined;
    if (response.headers.get('content-type') !== 'text/event-stream') {
      const text = await response.text();
      return text === '' ? undefined : this.#hear(JSON.parse(text), message);
    }
    for await (const { message: told } of events(response)) {
      if (!told) continue;
      const answer = await this.#hear(told as Json, message);
      if (!('method' in told)) return answer;
      if (told.method === until) return undefined;
    }
    return undefined;
  }

  /** Judges a message, and answers it where it asks. */
  async #hear(message: Json, request: Json): Promise<Json | undefined> {
    this.heard++;
    const { method } = message;
    const spoken: Spoken = {
      revision: this.#revision,
      client: this.#client,
      outputSchemas: this.#schemas,
      ...(this.#server && { server: this.#server }),
      ...(method === undefined && { request: request as { method: string; id: unknown } }),
    };
    const kind = isRecord(message.result) ? (message.result.resultType ?? 'result') : 'error';
    this.kinds.add(String(method ?? kind));
    for (const { check, level, why } of faultsOf(message, spoken))
      if (level !== 'MAY') this.faults.push(`${check}: ${why}, after ${JSON.stringify(request)}`);
    if (method !== undefined && message.id !== undefined) {
      const said = { role: 'assistant', model: 'm', content: { type: 'text', text: 'a' } };
      const filled = { name: 'a', username: 'a', email: 'a@b', ok: true, color: 'red', context: 'a' };
      const results: Json = {
        'elicitation/create': { action: 'accept', content: filled },
        'sampling/createMessage': said,
        'roots/list': { roots: [{ uri: 'file:///a' }] },
      };
      await this.#post({ jsonrpc: '2.0', id: message.id, result: results[String(method)] ?? {} }, {});
    }
    return isRecord(message.result) ? message.result : undefined;
  }
}

describe('this server', { concurrency: true }, () => {
  for (const revision of REVISIONS) {
    test(`${revision}: nothing that this server says is wrong`, async () => {
      const server = createServer({ name: 'everything', version: '1.0.0', features: [...features, ...structured] });
      const listener = new Listener((request) => server.fetch(request), revision);
      try {
        await listener.open();
        const { tools: listed } = await listener.ask('tools/list');
        const names = (listed as { name: string }[]).map(({ name }) => name);
        for (const method of ['resources/list', 'resources/templates/list', 'prompts/list', 'ping', 'no/such'])
          await listener.ask(method);
        for (const method of ['resources/subscribe', 'resources/unsubscribe'])
          await listener.ask(method, { uri: 'test://watched-resource' });
        await listener.ask('logging/setLevel', { level: 'debug' });
        const args = { prompt: 'a', message: 'a', text: 'a', from: 1, email: 'a@b' };
        for (const name of [...names, 'none']) {
          // Comes back for its answer on another stream.
          if (name === 'test_reconnection') continue;
          await listener.ask('tools/call', { name, arguments: args });
          await listener.ask('tools/call', { name, arguments: {} });
        }
        const both = { arg1: 'a', arg2: 'b', resourceUri: 'test://a' };
        for (const name of [
          'simple_prompt',
          'prompt_with_arguments',
          'prompt_with_embedded_resource',
          'prompt_with_image',
          'input_required_result_prompt',
          'none',
        ])
          await listener.ask('prompts/get', { name: `test_${name}`, arguments: both });
        for (const name of ['static-text', 'static-binary', 'watched-resource', 'template/1/data', 'none'])
          await listener.ask('resources/read', { uri: `test://${name}` });
        const ref = { type: 'ref/prompt', name: 'test_prompt_with_arguments' };
        await listener.ask('completion/complete', { ref, argument: { name: 'arg1', value: 't' } });
        if (isStateless(revision))
          await listener.ask(
            'subscriptions/listen',
            { notifications: { toolsListChanged: true } },
            'notifications/subscriptions/acknowledged',
          );
      } finally {
        server.close();
      }
      assert.deepEqual(listener.faults, []);
      assert.ok(listener.heard > 80, `${listener.heard} messages`);
      const wanted = isStateless(revision)
        ? ['complete', 'input_required', 'notifications/subscriptions/acknowledged']
        : [
            'result',
            'sampling/createMessage',
            'roots/list',
            ...(revision >= '2025-06-18' ? ['elicitation/create'] : []),
          ];
      for (const kind of [...wanted, 'error', 'notifications/progress', 'notifications/message'])
        assert.ok(listener.kinds.has(kind), `${kind} came, of ${[...listener.kinds]}`);
    });
  }
});

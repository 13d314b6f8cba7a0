/** The official clients behind one face, so that the same tests run with each of them. */

import {
  Client as ClientV2,
  StreamableHTTPClientTransport as TransportV2,
  type VersionNegotiationOptions,
} from '@modelcontextprotocol/client';
import { Client as ClientV1 } from '@modelcontextprotocol/sdk/client/index.js';
import { StreamableHTTPClientTransport as TransportV1 } from '@modelcontextprotocol/sdk/client/streamableHttp.js';
import type { Transport } from '@modelcontextprotocol/sdk/shared/transport.js';
import {
  CreateMessageRequestSchema,
  ElicitRequestSchema,
  ListRootsRequestSchema,
  LoggingMessageNotificationSchema,
  PromptListChangedNotificationSchema,
  ResourceUpdatedNotificationSchema,
  ToolListChangedNotificationSchema,
} from '@modelcontextprotocol/sdk/types.js';
import { Arrivals } from './arrivals.ts';
import { Tap } from './tap.ts';

export interface CallOptions {
  onProgress?: (step: number) => void;
  signal?: AbortSignal;
  /** Asks for the logs of this call, where levels belong to calls (2026-07-28). */
  logLevel?: LogLevel;
}

export interface Answer {
  text: string;
  structured: unknown;
  isError: boolean;
}

type LogLevel = 'debug' | 'info' | 'error';
type Changed = 'tools' | 'prompts';

export interface Peer {
  /** What was negotiated. */
  readonly revision: string;
  readonly tap: Tap;
  readonly logs: Arrivals<unknown>;
  readonly changes: Arrivals<Changed>;
  /** URIs of updated resources. */
  readonly updates: Arrivals<string>;
  tools(): Promise<string[]>;
  call(name: string, input?: Record<string, unknown>, options?: CallOptions): Promise<Answer>;
  read(uri: string): Promise<string>;
  /** @param uri of a template */
  complete(uri: string, argument: string, value: string): Promise<string[]>;
  prompt(name: string, args?: Record<string, string>): Promise<string>;
  /** Sets the log level, where it belongs to the session (2025-11-25). */
  logLevel(level: LogLevel): Promise<void>;
  /** Hears of changed lists and of updates of `uris`; resolves when the server knows. */
  listen(uris: string[]): Promise<void>;
  close(): Promise<void>;
}

export interface PeerOptions {
  /** Declares nothing that the server could ask for. */
  mute?: boolean;
  /** Further nodes, among which its requests are spread. */
  others?: readonly string[];
}

export interface PeerKind {
  readonly name: string;
  /** What it ends up with against a server that speaks both. */
  readonly revision: string;
  connect(url: string, options?: PeerOptions): Promise<Peer>;
}

export const SDK_V1: PeerKind = { name: 'SDK v1', revision: '2025-11-25', connect: connectV1 };
export const SDK_V2: PeerKind = v2('SDK v2', '2026-07-28', { mode: 'auto' });
export const SDK_V2_LEGACY: PeerKind = v2('SDK v2 legacy', '2025-11-25', { mode: 'legacy' });

/** Other ways to a revision, which differ no more once it is negotiated. */
export const NEGOTIATIONS: readonly PeerKind[] = [
  v2('SDK v2 by default', '2025-11-25', undefined),
  v2('SDK v2 pinned', '2026-07-28', { mode: { pin: '2026-07-28' } }),
  v2('SDK v2 behind a proxy that knows only 2025', '2025-11-25', { mode: 'auto' }, '2026-07-28'),
];

/** SDK clients come back at once after a cut. */
const reconnectionOptions = {
  initialReconnectionDelay: 20,
  maxReconnectionDelay: 200,
  reconnectionDelayGrowFactor: 1.5,
  maxRetries: 5,
};

// ---- what the user, the model and the file system of these clients say ---------------------------

const capabilities = { elicitation: { form: {} }, sampling: {}, roots: {} };

const said: Record<string, string | boolean> = {
  name: 'Ada',
  username: 'ada',
  email: 'ada@example.com',
  color: 'green',
  context: 'rain',
  ok: true,
};

function accept(params: { requestedSchema?: { properties?: object } } | object) {
  const properties = 'requestedSchema' in params ? params.requestedSchema?.properties : undefined;
  const content = Object.fromEntries(Object.keys(properties ?? {}).map((field) => [field, said[field] ?? '']));
  return { action: 'accept' as const, content };
}

const model = () => ({
  role: 'assistant' as const,
  content: { type: 'text' as const, text: 'Paris' },
  model: 'test-model',
  stopReason: 'endTurn' as const,
});

const roots = () => ({ roots: [{ uri: 'file:///srv/project', name: 'Project' }] });

// ---- the two clients -----------------------------------------------------------------------------

async function connectV1(url: string, { mute = false, others }: PeerOptions = {}): Promise<Peer> {
  const tap = new Tap(undefined, others);
  const logs = new Arrivals<unknown>();
  const changes = new Arrivals<Changed>();
  const updates = new Arrivals<string>();
  const client = new ClientV1({ name: 'sdk-v1', version: '1.0.0' }, { capabilities: mute ? {} : capabilities });
  if (!mute) {
    client.setRequestHandler(ElicitRequestSchema, ({ params }) => accept(params));
    client.setRequestHandler(CreateMessageRequestSchema, model);
    client.setRequestHandler(ListRootsRequestSchema, roots);
  }
  client.setNotificationHandler(LoggingMessageNotificationSchema, ({ params }) => logs.add(params.data));
  client.setNotificationHandler(ToolListChangedNotificationSchema, () => changes.add('tools'));
  client.setNotificationHandler(PromptListChangedNotificationSchema, () => changes.add('prompts'));
  client.setNotificationHandler(ResourceUpdatedNotificationSchema, ({ params }) => updates.add(params.uri));
  const transport = new TransportV1(new URL(url), { fetch: tap.fetch, reconnectionOptions });
  await client.connect(transport as Transport);

  return {
    revision: transport.protocolVersion ?? '',
    tap,
    logs,
    changes,
    updates,
    tools: async () => (await client.listTools()).tools.map(({ name }) => name),
    async call(name, input = {}, { onProgress, signal } = {}) {
      const result = await client.callTool({ name, arguments: input }, undefined, {
        ...(onProgress && { onprogress: ({ progress }) => onProgress(progress) }),
        ...(signal && { signal }),
      });
      return answerOf(result);
    },
    read: async (uri) => textOf((await client.readResource({ uri })).contents),
    complete: async (uri, name, value) =>
      (await client.complete({ ref: { type: 'ref/resource', uri }, argument: { name, value } })).completion.values,
    prompt: async (name, args = {}) =>
      textOf((await client.getPrompt({ name, arguments: args })).messages.map(({ content }) => content)),
    async logLevel(level) {
      await client.setLoggingLevel(level);
    },
    async listen(uris) {
      await tap.exchanges.first(({ method, status }) => method === 'GET' && status === 200);
      for (const uri of uris) await client.subscribeResource({ uri });
    },
    async close() {
      await transport.terminateSession();
      await client.close();
    },
  };
}

function v2(
  name: string,
  revision: string,
  versionNegotiation: VersionNegotiationOptions | undefined,
  hidden?: string,
): PeerKind {
  return { name, revision, connect: (url, options) => connectV2(url, options, versionNegotiation, hidden) };
}

async function connectV2(
  url: string,
  { mute = false, others }: PeerOptions = {},
  versionNegotiation: VersionNegotiationOptions | undefined,
  hidden: string | undefined,
): Promise<Peer> {
  const tap = new Tap(hidden, others);
  const logs = new Arrivals<unknown>();
  const changes = new Arrivals<Changed>();
  const updates = new Arrivals<string>();
  const client = new ClientV2(
    { name: 'sdk-v2', version: '1.0.0' },
    { ...(versionNegotiation && { versionNegotiation }), capabilities: mute ? {} : capabilities },
  );
  if (!mute) {
    client.setRequestHandler('elicitation/create', ({ params }) => accept(params));
    client.setRequestHandler('sampling/createMessage', model);
    client.setRequestHandler('roots/list', roots);
  }
  client.setNotificationHandler('notifications/message', ({ params }) => logs.add(params.data));
  client.setNotificationHandler('notifications/tools/list_changed', () => changes.add('tools'));
  client.setNotificationHandler('notifications/prompts/list_changed', () => changes.add('prompts'));
  client.setNotificationHandler('notifications/resources/updated', ({ params }) => updates.add(params.uri));
  const transport = new TransportV2(new URL(url), { fetch: tap.fetch, reconnectionOptions });
  await client.connect(transport);
  const revision = client.getNegotiatedProtocolVersion() ?? '';
  const stateless = revision >= '2026-07-28';

  return {
    revision,
    tap,
    logs,
    changes,
    updates,
    tools: async () => (await client.listTools()).tools.map(({ name }) => name),
    async call(name, input = {}, { onProgress, signal, logLevel } = {}) {
      const result = await client.callTool(
        {
          name,
          arguments: input,
          ...(logLevel && { _meta: { 'io.modelcontextprotocol/logLevel': logLevel } }),
        },
        {
          ...(onProgress && { onprogress: ({ progress }) => onProgress(progress) }),
          ...(signal && { signal }),
        },
      );
      return answerOf(result);
    },
    read: async (uri) => textOf((await client.readResource({ uri })).contents),
    complete: async (uri, name, value) =>
      (await client.complete({ ref: { type: 'ref/resource', uri }, argument: { name, value } })).completion.values,
    prompt: async (name, args = {}) =>
      textOf((await client.getPrompt({ name, arguments: args })).messages.map(({ content }) => content)),
    async logLevel(level) {
      await client.setLoggingLevel(level);
    },
    async listen(uris) {
      if (stateless) {
        await client.listen({ toolsListChanged: true, promptsListChanged: true, resourceSubscriptions: uris });
        return;
      }
      await tap.exchanges.first(({ method, status }) => method === 'GET' && status === 200);
      for (const uri of uris) await client.subscribeResource({ uri });
    },
    async close() {
      if (!stateless) await transport.terminateSession();
      await client.close();
    },
  };
}

function answerOf(result: object): Answer {
  return {
    text: 'content' in result && Array.isArray(result.content) ? textOf(result.content) : '',
    structured: 'structuredContent' in result ? result.structuredContent : undefined,
    isError: 'isError' in result && result.isError === true,
  };
}

/** The text of the first part that has one. */
function textOf(parts: readonly object[]): string {
  for (const part of parts) if ('text' in part && typeof part.text === 'string') return part.text;
  return '';
}

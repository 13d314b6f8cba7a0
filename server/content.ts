/**
 * The shapes that handlers give and get: content blocks, results, messages, icons.
 * They are the wire shapes of both revisions (schema.ts of 2025-11-25 and 2026-07-28), written out
 * so that a tool author's types need no other package. `content.test.ts` holds them to the official SDK's.
 */

export type Role = 'user' | 'assistant';

/** Hints for whoever shows the content (spec: server/resources, Annotations). */
export interface Annotations {
  audience?: Role[];
  /** 0 (least) to 1 (most important). */
  priority?: number;
  /** ISO 8601. */
  lastModified?: string;
}

export interface Icon {
  /** `https:` or `data:`; clients refuse other schemes. */
  src: string;
  mimeType?: string;
  /** For example `48x48`, or `any`. */
  sizes?: string[];
  theme?: 'light' | 'dark';
}

export type Meta = { [key: string]: unknown };

export interface TextContent {
  type: 'text';
  text: string;
  annotations?: Annotations;
  _meta?: Meta;
}

export interface ImageContent {
  type: 'image';
  /** Base64. */
  data: string;
  mimeType: string;
  annotations?: Annotations;
  _meta?: Meta;
}

export interface AudioContent {
  type: 'audio';
  /** Base64. */
  data: string;
  mimeType: string;
  annotations?: Annotations;
  _meta?: Meta;
}

export interface TextResourceContents {
  uri: string;
  mimeType?: string;
  text: string;
  _meta?: Meta;
}

export interface BlobResourceContents {
  uri: string;
  mimeType?: string;
  /** Base64. */
  blob: string;
  _meta?: Meta;
}

export type ResourceContents = TextResourceContents | BlobResourceContents;

export interface EmbeddedResource {
  type: 'resource';
  resource: ResourceContents;
  annotations?: Annotations;
  _meta?: Meta;
}

export interface ResourceLink {
  type: 'resource_link';
  uri: string;
  name: string;
  title?: string;
  description?: string;
  mimeType?: string;
  size?: number;
  icons?: Icon[];
  annotations?: Annotations;
  _meta?: Meta;
}

export type ContentBlock = TextContent | ImageContent | AudioContent | ResourceLink | EmbeddedResource;

/** What `tools/call` answers (spec: server/tools, Tool Result). */
export interface ToolResult {
  content: ContentBlock[];
  /** A JSON object; revision 2026-07-28 also allows any other JSON value. */
  structuredContent?: unknown;
  isError?: boolean;
  _meta?: Meta;
}

export interface ReadResult {
  contents: ResourceContents[];
  _meta?: Meta;
}

export interface PromptMessage {
  role: Role;
  content: ContentBlock;
}

export interface PromptResult {
  description?: string;
  messages: PromptMessage[];
  _meta?: Meta;
}

/** Severity of RFC 5424, from least to most severe. */
export type LogLevel = 'debug' | 'info' | 'notice' | 'warning' | 'error' | 'critical' | 'alert' | 'emergency';

export interface ToolUseContent {
  type: 'tool_use';
  id: string;
  name: string;
  input: { [key: string]: unknown };
  _meta?: Meta;
}

export interface ToolResultContent {
  type: 'tool_result';
  toolUseId: string;
  content: ContentBlock[];
  structuredContent?: { [key: string]: unknown };
  isError?: boolean;
  _meta?: Meta;
}

export type SamplingContent = TextContent | ImageContent | AudioContent | ToolUseContent | ToolResultContent;

export interface SamplingMessage {
  role: Role;
  content: SamplingContent | SamplingContent[];
  _meta?: Meta;
}

/** Parameters of `sampling/createMessage` (spec: client/sampling). */
export interface SamplingParams {
  messages: SamplingMessage[];
  maxTokens: number;
  modelPreferences?: {
    hints?: { name?: string }[];
    costPriority?: number;
    speedPriority?: number;
    intelligencePriority?: number;
  };
  systemPrompt?: string;
  includeContext?: 'none' | 'thisServer' | 'allServers';
  temperature?: number;
  stopSequences?: string[];
  metadata?: { [key: string]: unknown };
  /** Asks for the client capability `sampling.tools`. */
  tools?: { name: string; description?: string; inputSchema: { type: 'object'; [key: string]: unknown } }[];
  toolChoice?: { mode?: 'auto' | 'required' | 'none' };
}

export interface SamplingResult {
  role: Role;
  content: SamplingContent | SamplingContent[];
  model: string;
  stopReason?: string;
  _meta?: Meta;
}

export interface Root {
  /** A `file://` URI. */
  uri: string;
  name?: string;
  _meta?: Meta;
}

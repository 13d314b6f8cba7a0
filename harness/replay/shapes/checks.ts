/** What can be wrong with one message, by the name that reports give it. */

import type { Level } from '../scenario.ts';

export interface ShapeCheck {
  /** `wire.` and a name that stays. */
  readonly check: string;
  readonly level: Level;
  /** Rows of both eras: those of the revision that is spoken count. */
  readonly requirement: string[];
  readonly title: string;
}

type Rule = Omit<ShapeCheck, 'check'>;

const must = (title: string, ...requirement: string[]): Rule => ({ level: 'MUST', requirement, title });
const should = (title: string, ...requirement: string[]): Rule => ({ level: 'SHOULD', requirement, title });
const may = (title: string, ...requirement: string[]): Rule => ({ level: 'MAY', requirement, title });

export const CHECKS = {
  // JSON-RPC
  'message-object': must('a message is an object', 'B-01.1'),
  batch: must('several messages come as one list only in 2025-03-26', 'H-2025-05', 'H-2026-04'),
  'batch-empty': must('a list of messages holds at least one', 'B-01.1'),
  jsonrpc: must('jsonrpc is "2.0"', 'B-01.1'),
  'one-form': must('a message is one of request, notification, result and error', 'B-01.1', 'B-03.2'),
  method: must('a method is a text', 'B-01.1'),
  params: must('params are an object', 'B-01.1'),
  'request-id-form': must('a request has an id that is a text or an integer', 'B-02.4'),
  'notification-id': must('a notification has no id', 'B-05.2'),
  'response-id-form': must('a response has an id that is a text or an integer', 'B-03.1'),
  'error-id-null': may('an error for what cannot be read has no id, not null', 'B-03.3'),
  'response-to-notification': must('a notification has no response', 'B-05.1'),
  'result-object': must('a result is an object', 'B-01.1'),
  'error-object': must('an error is an object with an integer code and a text message', 'B-04.1'),
  'error-message': should('the message of an error is one line, and not empty', 'B-04.2'),

  // error codes
  'error-code-standard': should('codes of JSON-RPC have the meaning they have there', 'B-06', 'E-2026-04'),
  'error-code-reserved': must('of -32020 to -32099 only the codes of the specification come', 'E-2026-01'),
  'error-code-legacy': should('no code of -32000 to -32019 comes in 2026-07-28', 'E-2026-02'),
  'error-code-removed': must('neither -32002 nor -32042 comes in 2026-07-28', 'E-2026-03'),
  'error-code-modern': may('no code of 2026-07-28 comes in a session', 'ERA-06'),
  'capability-error': must('-32021 names the capabilities that are missing, as an object', 'M-2026-08', 'E-2026-01'),
  'capability-error-declared': must('-32021 names what the request did not declare', 'M-2026-08', 'E-2026-01'),
  'version-error': must('-32022 has the texts supported and the text requested in data', 'D-2026-01', 'E-2026-01'),
  'version-error-requested': must('requested of -32022 is the revision that the request named', 'D-2026-01'),
  'version-error-supported': should('a revision that is refused is not named as supported', 'D-2026-04.1'),
  'url-error': must('-32042 lists elicitations by URL, each with its id', 'C-2025-06'),
  'url-error-early': may('-32042 comes in no revision before 2025-11-25', 'O-01.2'),
  'method-required': must(
    'no server lacks initialize, ping or server/discover',
    'L-2025-01',
    'U-2025-01.1',
    'D-2026-02.1',
  ),
  'method-declared': must('a list whose capability is declared is answered', 'L-2025-05.1', 'F-2026-01.1'),
  'listen-declared': must('who declares listChanged or subscribe serves subscriptions/listen', 'SUB-2026-09'),
  'method-removed': must('methods that a revision has removed have no result', 'H-2026-11', 'K-2026-15'),

  // what a server says of its own accord
  'server-request': must('no server sends requests in 2026-07-28', 'M-2026-10', 'H-2026-06'),
  'client-method': must('a server sends nothing that only clients send', 'L-2025-05.1', 'B-01.1'),
  'method-of-revision': must('a message belongs to the revision that is spoken', 'L-2025-05.1', 'B-01.1'),
  'unknown-request': should('requests of a server have a method of the specification', 'L-2025-05.1'),
  'unknown-notification': may('notifications of a server have a method of the specification', 'L-2025-05.1', 'B-01.1'),
  'request-params': must('params of a request have the shape of the schema', 'L-2025-05.1'),
  'client-capability': must(
    'a server asks only for what the client declared',
    'L-2025-05.2',
    'C-2025-13.1',
    'MR-2026-04',
  ),
  'client-tasks': should('a server makes tasks only of clients that declared them', 'L-2025-05.2'),

  // _meta
  meta: must('_meta is an object', 'B-08.1'),
  'meta-key': must('keys of _meta follow their grammar', 'B-08.1'),
  'meta-reserved': should('no key of _meta has a reserved prefix that the specification does not use', 'B-08.2'),
  'trace-context': must('traceparent, tracestate and baggage have the formats of W3C', 'M-2026-11.1'),
  'related-task': must('what belongs to a task names it in _meta', 'K-2025-07.2', 'K-2025-10.1'),
  'related-task-superfluous': should('answers that hold the task do not name it in _meta', 'K-2025-10.2'),

  // names, icons, annotations
  implementation: must('serverInfo has a text name and version', 'L-2025-10', 'B-10'),
  icon: must('icons have a text src, and the rest of the types of the schema', 'B-09.1'),
  'icon-src': should('the src of an icon is an https: or data: URI', 'B-09.2'),
  'icon-size': should('the sizes of an icon are like 48x48, or any', 'B-09.2'),
  annotations: must('annotations have known audiences, a priority from 0 to 1 and a text lastModified', 'B-11.1'),
  'last-modified': should('lastModified is a time in ISO 8601', 'B-11.2'),
  uri: must('a uri begins with its scheme', 'R-2025-02.1', 'R-2025-06.2', 'F-2026-09.5'),
  'uri-form': should('a uri has only characters that RFC 3986 allows', 'R-2025-06.2', 'F-2026-09.5'),
  'uri-template': must('a uriTemplate is one of RFC 6570', 'R-2025-02.2', 'F-2026-09.5'),
  'mime-type': must('images and sounds name a MIME type', 'P-2025-02.2', 'F-2026-03.3', 'F-2026-12.2'),
  'mime-type-form': should('a mimeType is written as type/subtype', 'R-2025-02.1', 'F-2026-09.5'),
  'mime-type-kind': may(
    'the MIME type of an image is one of images, that of a sound one of sounds',
    'P-2025-02.2',
    'F-2026-03.3',
  ),
  base64: must('data and blob are base64', 'T-2025-06.2', 'R-2025-07.2', 'P-2025-02.2', 'F-2026-03.3', 'F-2026-10.2'),
  'base64-form': should('base64 comes with its padding and without line breaks', 'R-2025-07.2', 'F-2026-10.2'),

  // initialize and server/discover
  'initialize-result': must('initialize answers protocolVersion, capabilities and serverInfo', 'L-2025-01'),
  'protocol-version': must('initialize never agrees to a revision without sessions', 'L-2025-02.2', 'ERA-03'),
  'protocol-version-known': should('initialize agrees to a revision that exists', 'L-2025-02.2'),
  capabilities: must('capabilities are of the types of the schema', 'L-2025-09', 'D-2026-05.1'),
  'capabilities-of-revision': may('capabilities are those of the revision', 'O-01.2', 'D-2026-05.2'),
  'capabilities-of-tasks': must('tasks of both eras are not declared under one revision', 'K-2026-15'),
  'extension-id': must('ids of extensions have a prefix and follow the grammar of _meta', 'D-2026-06'),
  'discover-result': must('server/discover answers supportedVersions and capabilities', 'D-2026-02.1'),
  'discover-versions': must('supportedVersions has the revision that is spoken', 'D-2026-02.1'),
  'discover-server-info': may('server/discover has serverInfo only in _meta', 'D-2026-02.2'),

  // results of 2026-07-28
  'result-type': must('every result has a resultType', 'M-2026-06.1'),
  'result-type-known': must('resultType is complete, input_required, or that of an extension', 'M-2026-06.2'),
  'result-server-info': should('every result has serverInfo in its _meta', 'M-2026-07'),
  cache: must('results that can be kept have ttlMs and cacheScope', 'CA-2026-01.1'),
  'cache-input-required': must('input_required has neither ttlMs nor cacheScope', 'CA-2026-01.2'),
  'cache-elsewhere': may('no other result has ttlMs or cacheScope', 'CA-2026-01.1'),
  'modern-members': may('a session shows nothing of 2026-07-28', 'ERA-06'),
  'input-required-method': must('only tools/call, resources/read and prompts/get need input', 'MR-2026-01'),
  'input-required': must('input_required has inputRequests, a requestState, or both', 'MR-2026-02.1'),
  'input-request': must('an input request is a method with params, without jsonrpc and id', 'MR-2026-03', 'C-2026-05'),

  // empty results
  'ping-empty': must('ping is answered with an empty result', 'U-2025-01.1'),
  'empty-result': may('nothing is added to an empty result', 'U-2025-07.2', 'R-2025-04.1', 'K-2026-09.1', 'K-2026-11'),

  // lists
  list: must(
    'a list has its entries, and a nextCursor only as a text',
    'T-2025-02',
    'R-2025-02.1',
    'R-2025-02.2',
    'P-2025-01.2',
    'F-2026-03.1',
    'F-2026-09.5',
    'F-2026-12.1',
  ),
  'cursor-empty': may('a cursor is not empty in a session', 'U-2025-09.1'),
  'unique-names': should('no two entries of a list have the same name or uri', 'T-2025-04.2', 'F-2026-03.2'),
  'feature-declared': must(
    'what is served was declared',
    'T-2025-01.1',
    'R-2025-01.1',
    'P-2025-01.1',
    'U-2025-10.1',
    'D-2026-04.2',
  ),

  // tools
  tool: must('a tool is of the shape of the schema', 'T-2025-02', 'F-2026-03.1', 'B-10'),
  'tool-name': should('a tool name is 1 to 128 of A-Z, a-z, 0-9, _, - and .', 'T-2025-04.1', 'F-2026-03.2'),
  'tool-input-schema': must('inputSchema is a schema of type object', 'T-2025-03', 'F-2026-03.1'),
  'tool-output-schema': must('outputSchema is a schema, of type object before 2026-07-28', 'T-2025-02', 'F-2026-03.1'),
  'tool-properties': must('properties of a tool schema are objects before 2026-07-28', 'T-2025-02'),
  'tool-annotations': must('hints of a tool are booleans, its title a text', 'T-2025-05', 'F-2026-03.1'),
  'tool-task-support': must('taskSupport is forbidden, optional or required', 'T-2025-02'),
  'tool-execution': may('no tool has execution in 2026-07-28', 'F-2026-06.1'),
  'schema-valid': must('a schema is valid in its dialect', 'B-07.2'),
  'schema-ref': must('a $ref within a schema leads to something', 'B-07.2'),
  'schema-external': may('a schema needs nothing from elsewhere', 'F-2026-05.3'),
  'schema-pattern': should('a pattern is a regular expression of ECMA-262', 'B-07.2'),
  'header-name': must('x-mcp-header is a token, and unique in its schema in any case', 'X-2026-02'),
  'header-type': must('x-mcp-header stands on a string, integer or boolean', 'X-2026-03'),
  'header-place': must('x-mcp-header stands where properties alone lead to', 'X-2026-04'),

  // tool results
  'tool-result': must('tools/call answers content, and isError only as a boolean', 'T-2025-06.1', 'F-2026-03.3'),
  'structured-object': must('structuredContent is an object before 2026-07-28', 'T-2025-07.2'),
  'structured-missing': must('a tool with an outputSchema gives structuredContent', 'T-2025-07.1', 'F-2026-04.1'),
  'structured-schema': must('structuredContent conforms to the outputSchema', 'T-2025-07.1', 'F-2026-04.1'),
  'structured-text': should('structuredContent is also given as JSON in a text block', 'T-2025-07.3', 'F-2026-04.2'),
  content: must(
    'a content block is of the shape of its type',
    'T-2025-06.1',
    'P-2025-02.1',
    'F-2026-03.3',
    'F-2026-12.2',
  ),
  'content-kind': must(
    'a content block is of a type that the revision knows',
    'T-2025-06.1',
    'P-2025-02.1',
    'F-2026-03.3',
    'F-2026-12.2',
  ),
  'embedded-declared': should('who embeds resources has declared resources', 'T-2025-06.3'),

  // resources, prompts, completion
  resource: must(
    'a resource or template is of the shape of the schema',
    'R-2025-02.1',
    'R-2025-02.2',
    'F-2026-09.5',
    'B-10',
  ),
  'resource-size': must('the size of a resource is an integer', 'R-2025-02.1', 'F-2026-09.5'),
  'resource-size-negative': should('the size of a resource is not negative', 'R-2025-02.1', 'F-2026-09.5'),
  contents: must('contents have a uri, and text or blob', 'R-2025-03.1', 'P-2025-02.2', 'F-2026-09.5'),
  'contents-both': should('contents have either text or blob', 'R-2025-03.1', 'F-2026-09.5'),
  'contents-empty': should('a resource that is read has contents', 'R-2025-05.3', 'F-2026-09.2'),
  prompt: must('a prompt is of the shape of the schema', 'P-2025-01.2', 'F-2026-12.1', 'B-10'),
  'prompt-result': must(
    'prompts/get answers messages of known roles, each with one block',
    'P-2025-02.1',
    'F-2026-12.2',
  ),
  completion: must('completion/complete answers at most 100 texts', 'U-2025-10.2', 'U-2026-06.1'),
  'completion-total': should('total counts at least the values that came', 'U-2025-10.2', 'U-2026-06.1'),

  // notifications
  cancelled: must('notifications/cancelled names the request', 'U-2025-02.2'),
  'cancelled-modern': may('nothing is cancelled by a server in 2026-07-28', 'U-2026-04.1', 'SUB-2026-10'),
  progress: must(
    'progress has a token, a number, and a total and message of their types',
    'U-2025-05.1',
    'U-2026-01.1',
  ),
  log: must('a log message has a known level and data', 'U-2025-07.5', 'U-2026-02.7'),
  'notification-declared': must(
    'a notification comes only with its capability',
    'L-2025-05.3',
    'U-2025-07.1',
    'U-2026-02.4',
    'SUB-2026-02.2',
  ),
  'notification-params': must('params of a notification have the shape of the schema', 'L-2025-05.1', 'B-01.1'),
  acknowledged: must('the acknowledgment names what is honoured', 'SUB-2026-02.2'),
  'acknowledged-declared': must('the acknowledgment names only what was declared', 'SUB-2026-02.2'),
  'subscription-id': must('what comes on a listen stream has a subscriptionId', 'SUB-2026-03'),

  // elicitation
  elicitation: must('an elicitation has a message, and a schema or a url', 'C-2025-02', 'C-2025-04', 'C-2026-01.2'),
  'elicitation-mode': must(
    'an elicitation is of a mode that the client declared',
    'C-2025-01',
    'C-2026-03.1',
    'MR-2026-04',
  ),
  'elicitation-field': must('each field of a form is of a kind that the revision knows', 'C-2025-02', 'C-2026-01.2'),
  'elicitation-keyword': should('a form is flat: no schemas within schemas', 'C-2025-02', 'C-2026-01.2'),
  'elicitation-required': should('what a form requires it has', 'C-2025-02', 'C-2026-01.2'),
  'elicitation-options': should('the options and bounds of a field make sense', 'C-2025-02', 'C-2026-01.2'),
  'elicitation-default': should('a default fits its field', 'C-2025-02', 'C-2026-01.2'),
  'elicitation-secret': must('no form asks for secrets', 'C-2025-03', 'C-2026-03.2'),
  'elicitation-url': must('the url of an elicitation is valid', 'C-2025-04', 'C-2026-01.2'),
  'elicitation-url-https': should('the url of an elicitation is https', 'C-2025-09.2', 'C-2026-03.5'),
  'elicitation-url-credentials': must('the url of an elicitation holds no credentials', 'C-2025-09.1', 'C-2026-03.6'),
  'elicitation-id': must('an elicitation by URL has an id in 2025-11-25', 'C-2025-04', 'C-2025-06'),
  'elicitation-id-removed': may('an elicitation has no id in 2026-07-28', 'C-2026-01.1'),
  'elicitation-link': may('a form has no links to click', 'C-2025-09.3', 'C-2026-03.7'),

  // sampling
  sampling: must('a sampling request is of the shape of the schema', 'C-2025-10', 'C-2026-04.1'),
  'sampling-content': must('a sampling message holds blocks that the revision knows', 'C-2025-10', 'C-2026-04.1'),
  'sampling-tools': must(
    'tools are sampled only where the client declared it',
    'C-2025-11.1',
    'C-2026-04.2',
    'MR-2026-04',
  ),
  'sampling-context': should('context is included only where the client declared it', 'C-2025-11.2', 'C-2026-04.3'),
  'sampling-tool-results': must('tool uses and tool results match', 'C-2025-12.1', 'C-2026-04.1'),
  'sampling-max-tokens': should('maxTokens is more than 0', 'C-2025-10', 'C-2026-04.1'),

  // tasks
  task: must(
    'a task is of the shape of the schema',
    'K-2025-05.1',
    'K-2025-05.4',
    'K-2025-06.1',
    'K-2025-12',
    'K-2026-04',
    'K-2026-07',
    'K-2026-14.2',
  ),
  'task-times': must('times of a task are in ISO 8601', 'K-2025-05.1', 'K-2026-04'),
  'task-echo': must('the task is the one that was asked for', 'K-2025-06.1', 'K-2026-07'),
  'task-asked': must('a task is made only where it was asked for and declared', 'K-2025-01', 'K-2025-02'),
  'task-new': must('a new task is working', 'K-2025-05.2'),
  'task-cancelled': must('a task that was cancelled says so', 'K-2025-09.1'),
  'task-status-message': should('a failed task has a statusMessage', 'K-2025-13', 'K-2026-08.2'),
  'task-method': must('only tools/call makes tasks', 'K-2026-02'),
  'task-extension': must(
    'tasks come only where both sides declared them',
    'K-2026-01',
    'K-2026-03.1',
    'K-2026-13',
    'M-2026-06.2',
  ),
  'task-flat': must('a new task has neither requestState nor inputRequests', 'K-2026-04'),
  'task-payload': must('a task holds what its status promises', 'K-2026-07', 'K-2026-08.1'),
  'task-legacy-members': may('a task of 2026-07-28 has no ttl and no pollInterval', 'K-2026-04'),
  'task-ack': must('tasks/update and tasks/cancel answer no task in 2026-07-28', 'K-2026-09.1', 'K-2026-11'),
} as const satisfies Record<string, Rule>;

export type CheckName = keyof typeof CHECKS;

export const SHAPE_CHECKS: readonly ShapeCheck[] = Object.entries(CHECKS).map(([name, rule]) => ({
  check: `wire.${name}`,
  ...rule,
}));

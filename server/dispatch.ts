/** The methods both eras share: one request in, one outcome out. */

import type { Call, Method, Outcome } from './call.ts';
import type { ContentBlock, ToolResult } from './content.ts';
import { CODE, isObject, quote } from './protocol.ts';
import type { CompiledTool, Registry } from './registry.ts';
import { toBase64 } from './seal.ts';
import { type PromptReturn, ProtocolError, type ReadReturn, ResourceNotFound, ToolError } from './tool.ts';

/** The method table; a method whose feature is not served is absent, and so "not found". */
export function sharedMethods(registry: Registry): Map<string, Method> {
  const methods = new Map<string, Method>();
  const list = (method: string, name: string) => {
    const pages = registry.pages.get(name);
    if (pages) methods.set(method, ({ cursor }, call) => pages[call.era](cursor, call.principal));
  };
  list('tools/list', 'tools');
  list('prompts/list', 'prompts');
  list('resources/list', 'resources');
  list('resources/templates/list', 'resourceTemplates');

  if (registry.capabilities.tools) {
    methods.set('tools/call', (params, call) => callTool(registry, params.name, params.arguments, call));
  }
  if (registry.capabilities.prompts) {
    methods.set('prompts/get', (params, call) => getPrompt(registry, params.name, params.arguments, call));
  }
  if (registry.capabilities.resources) {
    methods.set('resources/read', (params, call) => readResource(registry, params.uri, call));
  }
  if (registry.capabilities.completions) {
    methods.set('completion/complete', (params) => complete(registry, params));
  }
  return methods;
}

function invalid(message: string): ProtocolError {
  return new ProtocolError(CODE.invalidParams, message);
}

// ---- tools ---------------------------------------------------------------------------------------

function callTool(registry: Registry, name: unknown, given: unknown, call: Call): Outcome | Promise<Outcome> {
  const tool = typeof name === 'string' ? registry.tools.get(name) : undefined;
  if (!tool)
    throw invalid(
      typeof name === 'string'
        ? `Unknown tool ${quote(name)}`
        : `"name" must be the name of a tool, got ${quote(name)}`,
    );
  if (given !== undefined && !isObject(given)) throw invalid(`"arguments" must be an object, got ${quote(given)}`);
  const parsed = tool.input(given ?? {});
  // The model can mend its arguments when it reads what is wrong (2025-11-25, server/tools, Error Handling).
  if ('wrong' in parsed) return failed(`Invalid arguments for tool "${tool.name}": ${parsed.wrong}`);
  let returned: unknown;
  try {
    returned = tool.handler(parsed.value as never, call);
  } catch (error) {
    return toolFailure(error);
  }
  if (isThenable(returned))
    return Promise.resolve(returned).then((value) => toolOutcome(tool, value, call), toolFailure);
  return toolOutcome(tool, returned, call);
}

function isThenable(value: unknown): value is PromiseLike<unknown> {
  return typeof value === 'object' && value !== null && typeof (value as { then?: unknown }).then === 'function';
}

function toolFailure(error: unknown): Outcome {
  if (error instanceof ToolError) return failed(error.message);
  throw error;
}

function failed(text: string): ToolResult {
  return { content: [{ type: 'text', text }], isError: true };
}

function toolOutcome(tool: CompiledTool, value: unknown, call: Call): Outcome {
  if (typeof value === 'string' && !tool.output) {
    return call.complete(`{"content":[{"type":"text","text":${JSON.stringify(value)}}]}`);
  }
  if (value === undefined && !tool.output) return { content: [] };
  if (isObject(value) && Array.isArray(value.content)) return checkedResult(tool, value as unknown as ToolResult, call);
  if (Array.isArray(value) && !tool.output) return { content: value as ContentBlock[] };
  return structured(tool, value, call, undefined);
}

function checkedResult(tool: CompiledTool, result: ToolResult, call: Call): Outcome {
  if (result.isError || (!tool.output && result.structuredContent === undefined)) return result;
  return structured(tool, result.structuredContent, call, result);
}

function structured(tool: CompiledTool, value: unknown, call: Call, result: ToolResult | undefined): Outcome {
  let checked = value;
  if (tool.output) {
    const parsed = tool.output(value);
    if ('wrong' in parsed)
      throw new Error(`The result of tool "${tool.name}" breaks its outputSchema: ${parsed.wrong}`);
    checked = parsed.value;
  }
  const content: ContentBlock[] = result?.content ?? [{ type: 'text', text: JSON.stringify(checked) ?? 'null' }];
  // Up to 2025-11-25 structured content is an object, and 2025-03-26 has none.
  const expressible = call.era === 'stateless' || (isObject(checked) && call.revision !== '2025-03-26');
  const { structuredContent: _given, ...rest } = result ?? {};
  return expressible ? { ...rest, content, structuredContent: checked } : { ...rest, content };
}

// ---- prompts -------------------------------------------------------------------------------------

function getPrompt(registry: Registry, name: unknown, given: unknown, call: Call): Outcome | Promise<Outcome> {
  const found = typeof name === 'string' ? registry.prompts.get(name) : undefined;
  if (!found)
    throw invalid(
      typeof name === 'string'
        ? `Unknown prompt ${quote(name)}`
        : `"name" must be the name of a prompt, got ${quote(name)}`,
    );
  if (given !== undefined && !isObject(given))
    throw invalid(`"arguments" must be an object of strings, got ${quote(given)}`);
  const parsed = found.args(given ?? {});
  if ('wrong' in parsed) throw invalid(`Invalid arguments for prompt ${quote(name)}: ${parsed.wrong}`);
  const { prompt } = found;
  const outcome = (value: PromptReturn): Outcome => {
    const { description } = prompt.config;
    const result =
      typeof value === 'string'
        ? { messages: [{ role: 'user', content: { type: 'text', text: value } }] }
        : Array.isArray(value)
          ? { messages: value }
          : value;
    return description === undefined ? result : { description, ...result };
  };
  const returned = prompt.handler(parsed.value as never, call);
  return isThenable(returned) ? Promise.resolve(returned).then(outcome) : outcome(returned);
}

// ---- resources -----------------------------------------------------------------------------------

function readResource(registry: Registry, uri: unknown, call: Call): Outcome | Promise<Outcome> {
  if (typeof uri !== 'string' || !URL.canParse(uri)) throw invalid(`"uri" must be a URI, got ${quote(uri)}`);
  const found = registry.find(uri);
  if (!found) throw new ResourceNotFound(uri);
  const { resource, cache } = found.compiled;
  const outcome = (value: ReadReturn): Outcome => {
    if (value === undefined || value === null) throw new ResourceNotFound(uri);
    const { mimeType } = resource.config;
    const result =
      isObject(value) && Array.isArray(value.contents) ? value : { contents: [contentsOf(uri, mimeType, value)] };
    return call.era === 'stateless' ? { ...cache, ...result } : result;
  };
  const returned = resource.read(new URL(uri), found.variables as never, call);
  return isThenable(returned) ? Promise.resolve(returned).then(outcome) : outcome(returned);
}

function contentsOf(uri: string, mimeType: string | undefined, value: Exclude<ReadReturn, undefined>): object {
  if (typeof value === 'string') return { uri, mimeType: mimeType ?? 'text/plain', text: value };
  if (value instanceof Uint8Array)
    return { uri, mimeType: mimeType ?? 'application/octet-stream', blob: toBase64(value) };
  return { uri, mimeType: mimeType ?? 'application/json', text: JSON.stringify(value) };
}

// ---- completion ----------------------------------------------------------------------------------

const MOST_COMPLETIONS = 100;

function complete(registry: Registry, params: { [key: string]: unknown }): Outcome | Promise<Outcome> {
  const { ref, argument, context } = params;
  if (!isObject(argument) || typeof argument.name !== 'string' || typeof argument.value !== 'string') {
    throw invalid(`"argument" must be {name, value} of strings, got ${quote(argument)}`);
  }
  const given: Record<string, string> = Object.create(null);
  if (isObject(context) && isObject(context.arguments)) {
    for (const [name, value] of Object.entries(context.arguments)) {
      if (typeof value !== 'string') throw invalid(`"context.arguments.${name}" must be a string, got ${quote(value)}`);
      given[name] = value;
    }
  }
  const completer = registry.completer(ref, argument.name);
  const outcome = (all: readonly string[]): Outcome => ({
    completion: { values: all.slice(0, MOST_COMPLETIONS), total: all.length, hasMore: all.length > MOST_COMPLETIONS },
  });
  if (!completer) return outcome([]);
  const found = completer(argument.value, given);
  return isThenable(found) ? Promise.resolve(found).then(outcome) : outcome(found);
}

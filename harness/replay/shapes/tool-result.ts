/** The result of tools/call. */

import { isDeepStrictEqual } from 'node:util';
import { isRecord, show } from '../match.ts';
import { serverDeclares } from './capabilities.ts';
import { checkContent, contentKinds } from './content.ts';
import type { Heard } from './heard.ts';
import { nonconformity } from './json-schema.ts';

/** @param tool its name, where known: what it has as outputSchema must be kept to */
export function checkToolResult(
  heard: Heard,
  result: Record<string, unknown>,
  path: string,
  tool: string | undefined,
): void {
  const { content, isError } = result;
  if (isError !== undefined && typeof isError !== 'boolean')
    heard.tell('tool-result', `${path}.isError`, `must be a boolean, got ${show(isError)}`);
  if (!Array.isArray(content)) heard.tell('tool-result', `${path}.content`, `must be a list, got ${show(content)}`);
  const blocks = Array.isArray(content) ? content : [];
  for (const [index, block] of blocks.entries())
    checkContent(heard, block, `${path}.content[${index}]`, contentKinds(heard), 'content-kind');
  if (blocks.some((block) => isRecord(block) && block.type === 'resource') && !serverDeclares(heard, 'resources'))
    heard.tell('embedded-declared', `${path}.content`, 'embeds a resource, and the server did not declare resources');
  if (heard.revision >= '2025-06-18') checkStructured(heard, result, blocks, path, tool);
}

function checkStructured(
  heard: Heard,
  { structuredContent, isError }: Record<string, unknown>,
  blocks: readonly unknown[],
  path: string,
  tool: string | undefined,
): void {
  const at = `${path}.structuredContent`;
  const schema = tool === undefined ? undefined : heard.outputSchemas.get(tool);
  if (structuredContent === undefined) {
    if (schema !== undefined && isError !== true)
      heard.tell('structured-missing', at, `must be there: ${tool} has an outputSchema`);
    return;
  }
  if (!heard.modern && !isRecord(structuredContent)) {
    heard.tell('structured-object', at, `must be an object, got ${show(structuredContent)}`);
    return;
  }
  if (isError === true) return;
  const why =
    schema === undefined ? undefined : nonconformity(schema, structuredContent, heard.revision < '2025-11-25');
  if (why !== undefined) heard.tell('structured-schema', at, `does not conform to the outputSchema of ${tool}: ${why}`);
  if (!blocks.some((block) => isSaidBy(block, structuredContent)))
    heard.tell('structured-text', at, 'is not given as JSON in any text block');
}

function isSaidBy(block: unknown, value: unknown): boolean {
  if (!isRecord(block) || block.type !== 'text' || typeof block.text !== 'string') return false;
  if (block.text === value) return true;
  try {
    return isDeepStrictEqual(JSON.parse(block.text), value);
  } catch {
    return false;
  }
}

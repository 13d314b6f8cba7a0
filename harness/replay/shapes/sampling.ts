/** Sampling: what a client's model is asked to write. */

import {
  CreateMessageRequestParamsSchema,
  ToolResultContentSchema,
  ToolUseContentSchema,
} from '@modelcontextprotocol/core';
import { isRecord, show } from '../match.ts';
import { clientDeclares } from './capabilities.ts';
import { checkContent, contentKinds } from './content.ts';
import type { Heard } from './heard.ts';
import { checkMeta } from './meta.ts';
import { fits } from './official.ts';
import { checkTool } from './tools.ts';

/** Params of sampling/createMessage, in whatever frame they come. */
export function checkSampling(heard: Heard, params: unknown, path: string): void {
  const hasTools = heard.revision >= '2025-11-25';
  const own = ['_meta', 'messages', 'tools', 'task', ...(hasTools ? [] : ['toolChoice'])];
  fits(heard, CreateMessageRequestParamsSchema, params, 'sampling', path, own);
  if (!isRecord(params)) return;
  const { messages, tools, toolChoice, maxTokens, includeContext } = params;
  if (typeof maxTokens === 'number' && maxTokens <= 0)
    heard.tell('sampling-max-tokens', `${path}.maxTokens`, `must be more than 0, got ${show(maxTokens)}`);
  if (!Array.isArray(messages)) {
    heard.tell('sampling', `${path}.messages`, `must be a list, got ${show(messages)}`);
    return;
  }
  for (const [index, message] of messages.entries()) checkMessage(heard, message, `${path}.messages[${index}]`);
  // All that follows came with 2025-11-25.
  if (!hasTools) return;
  checkToolResults(heard, messages, `${path}.messages`);
  if ((tools !== undefined || toolChoice !== undefined) && !clientDeclares(heard, 'sampling.tools'))
    heard.tell('sampling-tools', path, 'has tools, and the client did not declare sampling.tools');
  if (
    (includeContext === 'thisServer' || includeContext === 'allServers') &&
    !clientDeclares(heard, 'sampling.context')
  )
    heard.tell(
      'sampling-context',
      `${path}.includeContext`,
      `is ${show(includeContext)}, and the client did not declare sampling.context`,
    );
  if (tools === undefined) return;
  if (!Array.isArray(tools)) heard.tell('sampling', `${path}.tools`, `must be a list, got ${show(tools)}`);
  else for (const [index, tool] of tools.entries()) checkTool(heard, tool, `${path}.tools[${index}]`);
}

function checkMessage(heard: Heard, message: unknown, path: string): void {
  if (!isRecord(message)) {
    heard.tell('sampling', path, `must be an object, got ${show(message)}`);
    return;
  }
  const { role, content } = message;
  if (role !== 'user' && role !== 'assistant')
    heard.tell('sampling', `${path}.role`, `must be user or assistant, got ${show(role)}`);
  checkMeta(heard, message._meta, `${path}._meta`);
  const hasTools = heard.revision >= '2025-11-25';
  if (Array.isArray(content) && !hasTools)
    heard.tell('sampling-content', `${path}.content`, 'must be one block before 2025-11-25');
  const kinds = ['text', 'image', 'audio', ...(hasTools ? ['tool_use', 'tool_result'] : [])];
  for (const [index, block] of blocksOf(message).entries()) {
    const at = Array.isArray(content) ? `${path}.content[${index}]` : `${path}.content`;
    checkContent(heard, block, at, kinds, 'sampling-content');
    if (!isRecord(block) || !hasTools) continue;
    if (block.type === 'tool_use') fits(heard, ToolUseContentSchema, block, 'sampling-content', at, ['_meta']);
    if (block.type === 'tool_result') checkToolResult(heard, block, at);
  }
}

function checkToolResult(heard: Heard, block: Record<string, unknown>, path: string): void {
  fits(heard, ToolResultContentSchema, block, 'sampling-content', path, ['_meta', 'content']);
  const { content, structuredContent } = block;
  if (!heard.modern && structuredContent !== undefined && !isRecord(structuredContent))
    heard.tell('structured-object', `${path}.structuredContent`, `must be an object, got ${show(structuredContent)}`);
  if (!Array.isArray(content))
    heard.tell('sampling-content', `${path}.content`, `must be a list, got ${show(content)}`);
  else
    for (const [index, one] of content.entries())
      checkContent(heard, one, `${path}.content[${index}]`, contentKinds(heard), 'content-kind');
}

/** A message with tool results has nothing else, and follows the tool uses that it answers, all of them. */
function checkToolResults(heard: Heard, messages: readonly unknown[], path: string): void {
  const wrong = (index: number, why: string) => heard.tell('sampling-tool-results', `${path}[${index}]`, why);
  let uses: string[] = [];
  for (const [index, message] of messages.entries()) {
    const blocks = blocksOf(message).filter(isRecord);
    const results = blocks.filter(({ type }) => type === 'tool_result');
    if (results.length > 0 && results.length < blocks.length) wrong(index, 'has tool results beside other content');
    const answered = results.map(({ toolUseId }) => String(toolUseId));
    const open = uses.find((id) => !answered.includes(id));
    const stray = answered.find((id) => !uses.includes(id));
    if (open !== undefined) wrong(index, `does not have the result of the tool use ${show(open)}`);
    if (stray !== undefined) wrong(index, `has a result of ${show(stray)}, which is no tool use of the message before`);
    if (results.length > 0 && isRecord(message) && message.role !== 'user')
      wrong(index, `has tool results and the role ${show(message.role)}`);
    uses = blocks.filter(({ type }) => type === 'tool_use').map(({ id }) => String(id));
  }
  if (uses.length > 0) wrong(messages.length - 1, `is the last and has the tool use ${show(uses[0])}`);
}

function blocksOf(message: unknown): readonly unknown[] {
  return isRecord(message) ? [message.content].flat() : [];
}

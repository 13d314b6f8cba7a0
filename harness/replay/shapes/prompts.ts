/** Prompts, as they are listed and got. */

import { PromptSchema } from '@modelcontextprotocol/core';
import { isRecord, show } from '../match.ts';
import { checkContent, contentKinds } from './content.ts';
import { checkIcons, unknownTo } from './display.ts';
import type { Heard } from './heard.ts';
import { checkUnique } from './lists.ts';
import { checkMeta } from './meta.ts';
import { fits } from './official.ts';

export function checkPrompt(heard: Heard, value: unknown, path: string): void {
  fits(heard, PromptSchema, value, 'prompt', path, ['_meta', 'icons', ...unknownTo(heard)]);
  if (!isRecord(value)) return;
  checkMeta(heard, value._meta, `${path}._meta`);
  checkIcons(heard, value.icons, `${path}.icons`);
  if (!Array.isArray(value.arguments)) return;
  checkUnique(heard, value.arguments, 'name', `${path}.arguments`);
  if (heard.revision < '2025-06-18') return;
  // The official schema takes arguments for smaller than they are.
  for (const [index, argument] of value.arguments.entries())
    if (isRecord(argument) && argument.title !== undefined && typeof argument.title !== 'string')
      heard.tell('prompt', `${path}.arguments[${index}].title`, `must be a text, got ${show(argument.title)}`);
}

/** The result of prompts/get. */
export function checkPromptResult(
  heard: Heard,
  { description, messages }: Record<string, unknown>,
  path: string,
): void {
  const wrong = (at: string, why: string) => heard.tell('prompt-result', `${path}.${at}`, why);
  if (description !== undefined && typeof description !== 'string')
    wrong('description', `must be a text, got ${show(description)}`);
  if (!Array.isArray(messages)) {
    wrong('messages', `must be a list, got ${show(messages)}`);
    return;
  }
  for (const [index, message] of messages.entries()) {
    const at = `messages[${index}]`;
    if (!isRecord(message)) {
      wrong(at, `must be an object, got ${show(message)}`);
      continue;
    }
    if (message.role !== 'user' && message.role !== 'assistant')
      wrong(`${at}.role`, `must be user or assistant, got ${show(message.role)}`);
    if (!isRecord(message.content)) wrong(`${at}.content`, `must be one block, got ${show(message.content)}`);
    else checkContent(heard, message.content, `${path}.${at}.content`, contentKinds(heard), 'content-kind');
  }
}

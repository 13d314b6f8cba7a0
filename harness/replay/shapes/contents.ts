/** What a resource holds, and how much of it. */

import { BlobResourceContentsSchema, TextResourceContentsSchema } from '@modelcontextprotocol/core';
import { isRecord, show } from '../match.ts';
import type { CheckName } from './checks.ts';
import type { Heard } from './heard.ts';
import { checkMeta } from './meta.ts';
import { fits } from './official.ts';
import { checkBase64, checkMimeType, checkUri } from './uri.ts';

/** One of `contents`, or embedded in a block. */
export function checkContents(heard: Heard, value: unknown, path: string, check: CheckName): void {
  if (!isRecord(value)) {
    heard.tell(check, path, `must be an object, got ${show(value)}`);
    return;
  }
  const { text, blob } = value;
  if (text === undefined && blob === undefined) heard.tell(check, path, 'must have text or blob');
  else if (text !== undefined && blob !== undefined) heard.tell('contents-both', path, 'has both text and blob');
  const schema = text === undefined && blob !== undefined ? BlobResourceContentsSchema : TextResourceContentsSchema;
  fits(heard, schema, value, check, path, ['_meta', ...(text === undefined && blob === undefined ? ['text'] : [])]);
  checkMeta(heard, value._meta, `${path}._meta`);
  checkUri(heard, value.uri, `${path}.uri`);
  checkMimeType(heard, value.mimeType, `${path}.mimeType`);
  checkBase64(heard, blob, `${path}.blob`);
}

export function checkSize(heard: Heard, value: unknown, path: string): void {
  if (value === undefined) return;
  if (!Number.isInteger(value)) heard.tell('resource-size', path, `must be an integer, got ${show(value)}`);
  else if (Number(value) < 0) heard.tell('resource-size-negative', path, `must not be negative, got ${show(value)}`);
}

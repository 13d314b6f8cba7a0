/** Resources and their templates, as they are listed and read. */

import { ResourceSchema, ResourceTemplateSchema } from '@modelcontextprotocol/core';
import { isRecord, show } from '../match.ts';
import { checkContents, checkSize } from './contents.ts';
import { checkAnnotations, checkIcons, unknownTo } from './display.ts';
import type { Heard } from './heard.ts';
import { checkMeta } from './meta.ts';
import { fits, type Official } from './official.ts';
import { checkMimeType, checkTemplate, checkUri } from './uri.ts';

export function checkResource(heard: Heard, value: unknown, path: string): void {
  checkDescription(heard, ResourceSchema, value, path);
  if (!isRecord(value)) return;
  checkUri(heard, value.uri, `${path}.uri`);
  checkSize(heard, value.size, `${path}.size`);
}

export function checkResourceTemplate(heard: Heard, value: unknown, path: string): void {
  checkDescription(heard, ResourceTemplateSchema, value, path);
  if (isRecord(value)) checkTemplate(heard, value.uriTemplate, `${path}.uriTemplate`);
}

function checkDescription(heard: Heard, schema: Official, value: unknown, path: string): void {
  fits(heard, schema, value, 'resource', path, ['_meta', 'annotations', 'icons', 'size', ...unknownTo(heard)]);
  if (!isRecord(value)) return;
  checkMeta(heard, value._meta, `${path}._meta`);
  checkAnnotations(heard, value.annotations, `${path}.annotations`);
  checkIcons(heard, value.icons, `${path}.icons`);
  checkMimeType(heard, value.mimeType, `${path}.mimeType`);
}

/** The result of resources/read. */
export function checkRead(heard: Heard, { contents }: Record<string, unknown>, path: string): void {
  const at = `${path}.contents`;
  if (!Array.isArray(contents)) {
    heard.tell('contents', at, `must be a list, got ${show(contents)}`);
    return;
  }
  if (contents.length === 0)
    heard.tell('contents-empty', at, 'is empty: nobody can tell that from a resource that is not');
  for (const [index, one] of contents.entries()) checkContents(heard, one, `${at}[${index}]`, 'contents');
}

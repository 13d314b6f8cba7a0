/** Content blocks: what tools answer, prompts say and models are given. */

import {
  AudioContentSchema,
  ImageContentSchema,
  ResourceLinkSchema,
  TextContentSchema,
} from '@modelcontextprotocol/core';
import { isRecord, show } from '../match.ts';
import type { CheckName } from './checks.ts';
import { checkContents, checkSize } from './contents.ts';
import { checkAnnotations, checkIcons, unknownTo } from './display.ts';
import type { Heard } from './heard.ts';
import { checkMeta } from './meta.ts';
import { fits, type Official } from './official.ts';
import { checkBase64, checkMimeType, checkUri } from './uri.ts';

const SCHEMAS: Record<string, Official | undefined> = {
  text: TextContentSchema,
  image: ImageContentSchema,
  audio: AudioContentSchema,
  resource_link: ResourceLinkSchema,
};

/** @param check of what holds the block, for a block of a type that does not belong there */
export function checkContent(
  heard: Heard,
  block: unknown,
  path: string,
  kinds: readonly string[],
  check: CheckName,
): void {
  if (!isRecord(block)) {
    heard.tell('content', path, `must be an object, got ${show(block)}`);
    return;
  }
  const { type } = block;
  if (typeof type !== 'string' || !kinds.includes(type)) {
    heard.tell(check, path, `must be of a type of ${kinds.join(', ')}, got ${show(type)}`);
    return;
  }
  checkMeta(heard, block._meta, `${path}._meta`);
  checkAnnotations(heard, block.annotations, `${path}.annotations`);
  if (type === 'resource') {
    checkContents(heard, block.resource, `${path}.resource`, 'content');
    return;
  }
  const schema = SCHEMAS[type];
  if (schema)
    fits(heard, schema, block, 'content', path, ['_meta', 'annotations', 'icons', 'size', ...unknownTo(heard)]);
  if (type === 'image' || type === 'audio') {
    checkBase64(heard, block.data, `${path}.data`);
    checkMimeType(heard, block.mimeType, `${path}.mimeType`, 'mime-type');
    const { mimeType } = block;
    if (typeof mimeType === 'string' && mimeType.includes('/') && !mimeType.toLowerCase().startsWith(`${type}/`))
      heard.tell('mime-type-kind', `${path}.mimeType`, `of ${type} content is ${show(mimeType)}`);
  } else if (type === 'resource_link') {
    checkUri(heard, block.uri, `${path}.uri`);
    checkMimeType(heard, block.mimeType, `${path}.mimeType`);
    checkIcons(heard, block.icons, `${path}.icons`);
    checkSize(heard, block.size, `${path}.size`);
  }
}

/** The types of blocks that tools and prompts give. */
export function contentKinds({ revision }: Heard): readonly string[] {
  return revision >= '2025-06-18'
    ? ['text', 'image', 'audio', 'resource_link', 'resource']
    : ['text', 'image', 'audio', 'resource'];
}

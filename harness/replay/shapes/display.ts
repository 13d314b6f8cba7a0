/** What tools, prompts, resources and servers show of themselves: icons and annotations. */

import { AnnotationsSchema, IconSchema, ImplementationSchema } from '@modelcontextprotocol/core';
import { isRecord, show } from '../match.ts';
import type { Heard } from './heard.ts';
import { fits } from './official.ts';
import { checkMimeType, checkUri, isIsoTime } from './uri.ts';

/** Icons came with 2025-11-25: before it they are members that nobody knows. */
export function checkIcons(heard: Heard, value: unknown, path: string): void {
  if (value === undefined || heard.revision < '2025-11-25') return;
  if (!Array.isArray(value)) {
    heard.tell('icon', path, `must be a list, got ${show(value)}`);
    return;
  }
  for (const [index, icon] of value.entries()) {
    const at = `${path}[${index}]`;
    if (!fits(heard, IconSchema, icon, 'icon', at) || !isRecord(icon)) continue;
    const { src, sizes, mimeType } = icon;
    if (!/^(?:https|data):/i.test(String(src)))
      heard.tell('icon-src', `${at}.src`, `must be an https: or data: URI, got ${show(src)}`);
    for (const size of Array.isArray(sizes) ? sizes : [])
      if (!/^(?:\d+x\d+|any)$/i.test(String(size)))
        heard.tell('icon-size', `${at}.sizes`, `must be like 48x48, or any, got ${show(size)}`);
    checkMimeType(heard, mimeType, `${at}.mimeType`);
  }
}

export function checkAnnotations(heard: Heard, value: unknown, path: string): void {
  if (value === undefined || !fits(heard, AnnotationsSchema, value, 'annotations', path) || !isRecord(value)) return;
  const { lastModified } = value;
  if (typeof lastModified === 'string' && !isIsoTime(lastModified))
    heard.tell('last-modified', `${path}.lastModified`, `must be a time in ISO 8601, got ${show(lastModified)}`);
}

export function checkImplementation(heard: Heard, value: unknown, path: string): void {
  fits(heard, ImplementationSchema, value, 'implementation', path, ['icons', ...unknownTo(heard)]);
  if (!isRecord(value)) return;
  checkIcons(heard, value.icons, `${path}.icons`);
  if (heard.revision >= '2025-11-25') checkUri(heard, value.websiteUrl, `${path}.websiteUrl`);
}

/** Members for display that came after the revision, and mean nothing in it. */
export function unknownTo({ revision }: Heard): string[] {
  return revision < '2025-06-18' ? ['title', 'websiteUrl'] : [];
}

/** Lists in pages: tools, prompts, resources, templates, tasks. */

import { isRecord, show } from '../match.ts';
import type { Heard } from './heard.ts';

/** @param key the member of the result that holds the entries @param name the member of an entry that no other may have */
export function checkList(
  heard: Heard,
  result: Record<string, unknown>,
  path: string,
  key: string,
  name: string,
  checkEntry: (heard: Heard, entry: unknown, path: string) => void,
): void {
  const { nextCursor } = result;
  const entries = result[key];
  if (nextCursor !== undefined && typeof nextCursor !== 'string')
    heard.tell('list', `${path}.nextCursor`, `must be a text, got ${show(nextCursor)}`);
  if (nextCursor === '' && !heard.modern) heard.tell('cursor-empty', `${path}.nextCursor`, 'is empty');
  if (!Array.isArray(entries)) {
    heard.tell('list', `${path}.${key}`, `must be a list, got ${show(entries)}`);
    return;
  }
  for (const [index, entry] of entries.entries()) checkEntry(heard, entry, `${path}.${key}[${index}]`);
  checkUnique(heard, entries, name, `${path}.${key}`);
}

export function checkUnique(heard: Heard, entries: readonly unknown[], name: string, path: string): void {
  const seen = new Set<string>();
  for (const [index, entry] of entries.entries()) {
    const value = isRecord(entry) ? entry[name] : undefined;
    if (typeof value !== 'string') continue;
    if (seen.has(value)) heard.tell('unique-names', `${path}[${index}].${name}`, `${show(value)} came before`);
    seen.add(value);
  }
}

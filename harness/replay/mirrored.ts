/** Arguments of tools that a client repeats in headers (2026-07-28, Custom Headers from Tool Parameters). */

import { isRecord } from './match.ts';

export interface Mirrored {
  /** `mcp-param-` and the name, lower case. */
  readonly header: string;
  readonly path: readonly string[];
  /** The first member of `path`. */
  readonly argument: string;
  readonly type: string;
}

/** What an input schema marks with `x-mcp-header`, as far as properties alone lead to it. */
export function mirroredOf(schema: unknown, path: readonly string[] = []): Mirrored[] {
  if (!isRecord(schema) || !isRecord(schema.properties)) return [];
  return Object.entries(schema.properties).flatMap(([name, property]) => {
    if (!isRecord(property)) return [];
    const here = [...path, name];
    const mark = property['x-mcp-header'];
    const { type } = property;
    if (typeof mark !== 'string' || typeof type !== 'string') return mirroredOf(property, here);
    return [{ header: `mcp-param-${mark.toLowerCase()}`, path: here, argument: here[0] as string, type }];
  });
}

/** The texts of the headers for a call; an argument that is absent or null has none. */
export function paramHeaders(schema: unknown, args: unknown): Record<string, string> {
  const headers: Record<string, string> = {};
  for (const { header, path } of mirroredOf(schema)) {
    let value: unknown = args;
    for (const name of path) value = isRecord(value) && Object.hasOwn(value, name) ? value[name] : undefined;
    if (value !== undefined && value !== null && typeof value !== 'object') headers[header] = String(value);
  }
  return headers;
}

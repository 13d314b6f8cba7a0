/** What a question needs of a client, against what the client declared. */

import { isObject } from './protocol.ts';
import type { ClientCapabilities } from './tool.ts';

/** @returns the part of `needed` that was not declared, or undefined when all was */
export function missing(needed: ClientCapabilities, declared: ClientCapabilities): ClientCapabilities | undefined {
  const lack: Record<string, unknown> = {};
  for (const [name, members] of Object.entries(needed)) {
    const has = declared[name];
    if (!isObject(has)) {
      // `elicitation: {}` declares form mode, so that is what to ask for when nothing was declared.
      lack[name] = name === 'elicitation' && isObject(members) && 'form' in members ? {} : members;
      continue;
    }
    const lacking = Object.keys(isObject(members) ? members : {}).filter((member) => !declares(name, has, member));
    if (lacking.length > 0) lack[name] = Object.fromEntries(lacking.map((member) => [member, {}]));
  }
  return Object.keys(lack).length > 0 ? (lack as ClientCapabilities) : undefined;
}

function declares(name: string, has: Record<string, unknown>, member: string): boolean {
  if (isObject(has[member])) return true;
  return name === 'elicitation' && member === 'form' && Object.keys(has).length === 0;
}

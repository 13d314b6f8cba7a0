/** What the harness is and what it runs on, for reports. */

import { readFileSync } from 'node:fs';

export function versions(): Record<string, string> {
  const runtime = ['bun', 'deno', 'node'].find((name) => process.versions[name] !== undefined) ?? 'node';
  return { 'mcp-replay': ownVersion(), [runtime]: process.versions[runtime] ?? '' };
}

/** Of the nearest package.json, be this a file of the project or of a package that was made from it. */
function ownVersion(): string {
  for (let folder = new URL('.', import.meta.url); ; folder = new URL('..', folder)) {
    try {
      const { version } = JSON.parse(readFileSync(new URL('package.json', folder), 'utf8')) as { version?: unknown };
      if (typeof version === 'string') return version;
    } catch {
      // Further up.
    }
    if (folder.pathname === '/' || new URL('..', folder).href === folder.href) return 'unknown';
  }
}

/**
 * README's table of knobs, made from `server/config.ts`.
 *
 *     npm run knobs      writes it
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { KNOBS } from '../server/config.ts';

const README = new URL('../README.md', import.meta.url);
const MARKED = /(<!-- knobs -->\n)[\s\S]*?(<!-- \/knobs -->)/;

export function knobTable(): string {
  const rows = Object.entries<{ fallback: string; unit?: string; says: string }>(KNOBS).map(
    ([name, { fallback, unit, says }]) =>
      `| \`${name}\` | ${fallback === '' ? '' : `\`${fallback}\``} | ${unit ?? ''} | ${says} |`,
  );
  return ['| knob | default | unit | |', '|---|---|---|---|', ...rows, ''].join('\n');
}

/** README as it should be. */
export function withKnobs(readme: string): string {
  return readme.replace(MARKED, (_whole, begin: string, end: string) => begin + knobTable() + end);
}

if (import.meta.main) writeFileSync(README, withKnobs(readFileSync(README, 'utf8')));

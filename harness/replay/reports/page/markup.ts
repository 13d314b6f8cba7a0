/** HTML whose every text is escaped: only what `html` itself made goes in as it is. */

import { printable } from '../printable.ts';

/** Text that is markup already. */
export class Markup {
  readonly text: string;
  constructor(text: string) {
    this.text = text;
  }
}

/** What may stand in a template; `undefined` and `false` are nothing. */
export type Part = string | number | Markup | undefined | false | readonly Part[];

/** Markup with every text in it escaped, in attributes too where these are quoted. */
export function html(strings: TemplateStringsArray, ...parts: readonly Part[]): Markup {
  return new Markup(String.raw({ raw: strings }, ...parts.map(rendered)));
}

function rendered(part: Part): string {
  if (part === undefined || part === false) return '';
  if (part instanceof Markup) return part.text;
  if (typeof part === 'object') return part.map(rendered).join('');
  return printable(String(part))
    .replaceAll('&', '&amp;')
    .replaceAll('<', '&lt;')
    .replaceAll('>', '&gt;')
    .replaceAll('"', '&quot;')
    .replaceAll("'", '&#39;');
}

/** A name for `id` and `href`, the same for the same text. */
export function anchor(kind: string, text: string): string {
  return `${kind}-${text.replaceAll(/[^A-Za-z0-9.-]/g, (sign) => `_${sign.charCodeAt(0).toString(16)}`)}`;
}

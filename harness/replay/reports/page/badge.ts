/** How a verdict looks: a sign and a word, never a colour alone. */

import { VERDICTS, type Verdict } from '../../outcome.ts';
import { html, type Markup } from './markup.ts';

/** A rule that no check has looked at has no verdict. */
export type Shown = Verdict | 'unseen';

export const SHOWN: readonly Shown[] = [...VERDICTS.filter((one) => one !== 'pass'), 'unseen', 'pass'];

const SIGNS: Record<Shown, string> = {
  error: '!!',
  fail: '\u2715',
  inconclusive: '~',
  warn: '!',
  note: 'i',
  untestable: '?',
  skip: '\u2013',
  unseen: '\u25CB',
  pass: '\u2713',
};
const WORDS: Record<Shown, string> = {
  error: 'error',
  fail: 'fail',
  inconclusive: 'inconclusive',
  warn: 'warn',
  note: 'note',
  untestable: 'untestable',
  skip: 'skip',
  unseen: 'not checked',
  pass: 'pass',
};
/** What each verdict says, for who meets it for the first time. */
export const MEANINGS: Record<Shown, string> = {
  error: 'a fault of the scenario or of the harness',
  fail: 'breaks a MUST',
  inconclusive: 'this machine was too late to judge',
  warn: 'breaks a SHOULD',
  note: 'does not do what it MAY do',
  untestable: 'lacks a tool, a hook or an ability of the client',
  skip: 'is not for this server',
  unseen: 'no check has looked at it',
  pass: 'as it must be',
};

export function wordOf(verdict: Shown): string {
  return WORDS[verdict];
}

export function badge(verdict: Shown, count?: number): Markup {
  return html`<span class="badge v-${verdict}" title="${MEANINGS[verdict]}"><span class="sign" aria-hidden="true">${SIGNS[verdict]}</span>${WORDS[verdict]}${count !== undefined && html` <b>${count}</b>`}</span>`;
}

/** A bar of which each verdict has its share; the numbers stand beside it. */
export function bar(counts: ReadonlyMap<Shown, number>): Markup {
  const parts = SHOWN.filter((verdict) => (counts.get(verdict) ?? 0) > 0);
  return html`<span class="bar" aria-hidden="true">${parts.map(
    (verdict) => html`<i class="v-${verdict}" style="flex-grow:${counts.get(verdict) ?? 0}"></i>`,
  )}</span>`;
}

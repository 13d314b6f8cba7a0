/** The report on one target as a page, for a reader in a hurry: the verdict, what is wrong and why, then rule by rule. */

import type { Outcome } from '../../outcome.ts';
import { checksOf, counted, findingsOf, isFailure, many, type Results } from '../results.ts';
import { bar, type Shown } from './badge.ts';
import { documentOf } from './document.ts';
import { findings, passedOver } from './findings.ts';
import { html, type Markup } from './markup.ts';
import { rules } from './rules.ts';
import { verdictsOf } from './verdicts.ts';

/** @returns the whole HTML file; without `requirements` it goes check by check */
export function page(results: Results): string {
  const { target, outcomes } = results;
  const verdicts = verdictsOf(results);
  const known = new Set(verdicts.rules.map(({ row }) => row.id));
  const counts = new Map<Shown, number>(Object.entries(counted(outcomes)) as [Shown, number][]);
  const untouched = verdicts.rules.filter(({ verdict }) => verdict === 'unseen').length;
  if (untouched > 0) counts.set('unseen', untouched);
  return documentOf({
    title: `${headline(results).text}: ${target}`,
    header: html`<h1>${target}</h1>
<p class="headline v-${headline(results).verdict}">${headline(results).text}</p>
${facts(results)}
${bar(new Map([...counts].filter(([verdict]) => verdict !== 'unseen')))}`,
    counts,
    main: html`${findings(outcomes, known)}${rules(verdicts)}${passedOver(outcomes)}`,
    footer: `Made by ${Object.entries(results.versions ?? { 'mcp-replay': '' })
      .map((one) => one.join(' ').trim())
      .join(' on ')}. What each verdict says:`,
  });
}

/** The verdict on a target, in words. */
export function headline({ outcomes, failOn, interrupted }: Results): { verdict: Shown; text: string } {
  const found = findingsOf(outcomes);
  const of = (verdict: Shown) => found.filter(({ check }) => check.verdict === verdict).length;
  const counts = counted(outcomes);
  const part = interrupted ? ' so far' : '';
  if (counts.fail > 0)
    return { verdict: 'fail', text: `Fails ${many(of('fail'), 'check')} of what a server MUST do${part}` };
  if (counts.error > 0)
    return { verdict: 'error', text: `${many(counts.error, 'run')} ended in an error of the harness` };
  const verdict = outcomes.some((one) => isFailure(one.verdict, failOn)) ? 'fail' : 'warn';
  if (counts.warn > 0)
    return {
      verdict,
      text: `Keeps every MUST that was tested, fails ${many(of('warn'), 'check')} of what it SHOULD do`,
    };
  if (counts.inconclusive > 0)
    return { verdict: 'inconclusive', text: `${many(counts.inconclusive, 'run')} could not be judged on this machine` };
  if (counts.pass + counts.note === 0) return { verdict: 'warn', text: 'Nothing was really tested' };
  return { verdict: 'pass', text: `No rule is broken${part}` };
}

function facts({ outcomes, started, requirements }: Results): Markup {
  const told: [string, string][] = [
    ['Revisions', [...new Set(outcomes.map(({ revision }) => revision))].sort().join(', ') || 'none'],
    ['Scenarios', String(new Set(outcomes.map(({ scenario }) => scenario)).size)],
    ['Runs', String(outcomes.length)],
    ['Checks', String(checksOf(outcomes))],
  ];
  if (requirements && requirements.length > 0) told.push(['Requirements proven', proven({ outcomes, requirements })]);
  if (started !== undefined) told.push(['Began', started.replace('T', ' ').replace(/\.\d+Z$|Z$/, ' UTC')]);
  return html`<dl class="facts">${told.map(([name, value]) => html`<div><dt>${name}</dt><dd>${value}</dd></div>`)}</dl>`;
}

function proven(results: { outcomes: readonly Outcome[]; requirements: NonNullable<Results['requirements']> }): string {
  const all = verdictsOf({ target: '', ...results }).rules;
  return `${all.filter(({ verdict }) => verdict === 'pass').length} of ${all.length}`;
}

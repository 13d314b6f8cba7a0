/** The protocol rule by rule, in its areas; without its rules, check by check. */

import { isFinding, many } from '../results.ts';
import { areaOf } from './areas.ts';
import { badge, bar, SHOWN, type Shown, wordOf } from './badge.ts';
import { anchor, html, type Markup } from './markup.ts';
import type { Rule, Seen, Verdicts } from './verdicts.ts';

/** Reasons of one check that are shown with its rule; the finding has them all. */
const REASONS = 3;

export function rules({ rules: all, others }: Verdicts): Markup {
  const areas = new Map<string, { title: string; place: number; rules: Rule[] }>();
  for (const rule of all) {
    const { key, title, place } = areaOf(rule.row);
    const area = areas.get(key) ?? { title, place, rules: [] };
    area.rules.push(rule);
    areas.set(key, area);
  }
  const sorted = [...areas.values()].sort((one, other) => one.place - other.place);
  return html`${
    all.length > 0 &&
    html`<section id="requirements" aria-labelledby="requirements-title"><h2 id="requirements-title">Requirements <span class="count">${all.length}</span></h2>${sorted.map(area)}</section>`
  }${
    others.length > 0 &&
    html`<section id="checks" aria-labelledby="checks-title"><h2 id="checks-title">${all.length > 0 ? 'Checks of no requirement' : 'Checks'} <span class="count">${others.length}</span></h2>${byScenarioArea(others)}</section>`
  }`;
}

function area({ title, rules: own }: { title: string; rules: Rule[] }): Markup {
  const revisions = [...new Set(own.flatMap((rule) => rule.revisions))].sort();
  return group(
    html`${title} <span class="count">${revisions.join(', ')}</span>`,
    own.map(({ verdict }) => verdict),
    html`<table class="rows rules" role="table"><thead role="rowgroup"><tr role="row"><th role="columnheader" scope="col">Verdict</th><th role="columnheader" scope="col">Requirement</th><th role="columnheader" scope="col">Checks</th></tr></thead><tbody role="rowgroup">${own.map(ruleRow)}</tbody></table>`,
  );
}

function ruleRow({ row, verdict, checks }: Rule): Markup {
  return html`<tr role="row" id="${anchor('rule', row.id)}" data-v="${verdict}"><td role="cell">${badge(verdict)}</td><th role="rowheader" scope="row"><span class="rule"><code>${row.id}</code> <span class="level">${row.level}</span> <span class="where">${row.where}</span></span><span class="words">${row.text}</span></th><td role="cell">${checks.length === 0 ? html`<p class="quiet">${row.reason ?? 'no check'}</p>` : checkList(checks)}</td></tr>`;
}

/** Checks that only passed are folded. */
function checkList(checks: readonly Seen[]): Markup {
  const open = checks.filter(({ verdict }) => verdict !== 'pass');
  const passed = checks.filter(({ verdict }) => verdict === 'pass');
  const runs = passed.reduce((sum, one) => sum + one.runs.length, 0);
  return html`${open.length > 0 && html`<ul class="checks">${open.map((one) => html`<li>${check(one)}</li>`)}</ul>`}${
    passed.length > 0 &&
    html`<details class="more"><summary>${many(passed.length, 'check')} passed, in ${many(runs, 'run')}</summary><ul class="checks">${passed.map((one) => html`<li>${check(one)}</li>`)}</ul></details>`
  }`;
}

function check({ id, verdict, runs, told }: Seen): Markup {
  const wrong = runs.filter(({ check: one }) => isFinding(one.verdict));
  if (wrong.length === 0)
    return html`${badge(verdict)} <code>${id}</code> <span class="quiet">${verdict === 'pass' ? many(runs.length, 'run') : told}</span>`;
  const reasons = [...new Set(wrong.flatMap(({ check: one }) => one.why))];
  const more = reasons.length - REASONS;
  return html`${badge(verdict)} <a href="#${anchor('check', id)}"><code>${id}</code></a> <span class="quiet">${wrong.length} of ${many(runs.length, 'run')}</span><ul class="whys">${reasons.slice(0, REASONS).map((why) => html`<li>${why}</li>`)}${more > 0 && html`<li>and ${more} more</li>`}</ul>`;
}

function byScenarioArea(checks: readonly Seen[]): Markup {
  const areas = new Map<string, Seen[]>();
  for (const one of checks) {
    const key = one.id.split('.')[0] ?? one.id;
    areas.set(key, [...(areas.get(key) ?? []), one]);
  }
  return html`${[...areas].map(([name, own]) =>
    group(
      html`${name}`,
      own.map(({ verdict }) => verdict),
      html`<table class="rows" role="table"><thead role="rowgroup"><tr role="row"><th role="columnheader" scope="col">Verdict</th><th role="columnheader" scope="col">Check</th><th role="columnheader" scope="col">Runs</th></tr></thead><tbody role="rowgroup">${own.map(checkRow)}</tbody></table>`,
    ),
  )}`;
}

function checkRow({ id, verdict, runs, told }: Seen): Markup {
  const wrong = runs.filter(({ check: one }) => isFinding(one.verdict));
  const rules = [...new Set(runs.flatMap(({ check: one }) => one.requirement))];
  return html`<tr role="row" data-v="${verdict}"><td role="cell">${badge(verdict)}</td><th role="rowheader" scope="row"><span class="rule">${wrong.length > 0 ? html`<a href="#${anchor('check', id)}"><code>${id}</code></a>` : html`<code>${id}</code>`} <span class="level">${runs[0]?.check.level}</span> <span class="where">${rules.join(', ')}</span></span><span class="words">${told}</span></th><td role="cell">${wrong.length > 0 ? `${wrong.length} of ${many(runs.length, 'run')}` : many(runs.length, 'run')}</td></tr>`;
}

/** Folded where there is nothing but passes in it. */
function group(title: Markup, verdicts: readonly Shown[], content: Markup): Markup {
  const counts = new Map(SHOWN.map((verdict) => [verdict, verdicts.filter((one) => one === verdict).length]));
  const told = SHOWN.filter((verdict) => (counts.get(verdict) ?? 0) > 0);
  const open = verdicts.some((verdict) => ['error', 'fail', 'inconclusive', 'warn'].includes(verdict));
  return html`<details class="group"${open && html` open`}><summary><h3>${title}</h3><span class="tally">${told.map((verdict) => `${counts.get(verdict)} ${wordOf(verdict)}`).join(', ')}</span>${bar(counts)}</summary>${content}</details>`;
}

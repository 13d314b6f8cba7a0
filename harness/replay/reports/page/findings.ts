/** What is wrong, check by check, each run of it with what went over the wire. */

import type { Outcome, Verdict } from '../../outcome.ts';
import { byReason, caseOf, type Finding, findingsOf, isFinding, many } from '../results.ts';
import { titleOf } from '../titles.ts';
import { badge } from './badge.ts';
import { anchor, html, type Markup } from './markup.ts';
import { timeline } from './timeline.ts';

/** The attribute of `details` that are open from the start. */
const OPEN = html` open`;
/** Runs of one finding that are not folded away. */
const RUNS = 5;

/** @param known the rules that stand on the page too */
export function findings(outcomes: readonly Outcome[], known: ReadonlySet<string>): Markup {
  const found = findingsOf(outcomes);
  const bare = outcomes.filter(
    ({ verdict, checks }) => isFinding(verdict) && !checks.some((one) => isFinding(one.verdict)),
  );
  if (found.length + bare.length === 0) return html``;
  const places = placesOf(found);
  const cards = found.map((finding, index) => card(finding, outcomes, places, known, index === 0));
  return html`<section id="findings" aria-labelledby="findings-title"><h2 id="findings-title">Findings <span class="count">${found.length + bare.length}</span></h2>${cards}${bare.map((outcome) => bareCard(outcome, outcomes))}</section>`;
}

/** Which finding shows a run: one that is about its scenario rather than a rule of every message. */
function placesOf(found: readonly Finding[]): Map<Outcome, Finding> {
  const places = new Map<Outcome, Finding>();
  for (const wire of [false, true])
    for (const finding of found) {
      if (finding.check.id.startsWith('wire.') !== wire) continue;
      for (const { outcome } of finding.runs) if (!places.has(outcome)) places.set(outcome, finding);
    }
  return places;
}

function card(
  finding: Finding,
  outcomes: readonly Outcome[],
  places: ReadonlyMap<Outcome, Finding>,
  known: ReadonlySet<string>,
  open: boolean,
): Markup {
  const { check, runs } = finding;
  const revisions = [...new Set(runs.map(({ outcome }) => outcome.revision))].sort();
  const title = runs[0] && titleOf(check.id, runs[0].outcome);
  const own = runs.filter(({ outcome }) => places.get(outcome) === finding);
  const other = runs.filter(({ outcome }) => places.get(outcome) !== finding);
  const scenario = check.id.split('#')[0];
  const shown = own.map(({ outcome, check: seen }, index) =>
    // What the finding says already is not said again.
    run(outcome, seen.why.join() === check.why.join() ? [] : seen.why, outcomes, {
      open: open && index === 0,
      named: outcome.scenario !== scenario,
    }),
  );
  const elsewhere = other.map(
    ({ outcome, check: seen }) =>
      html`<li><a href="#${runAnchor(outcome, outcomes)}">${[outcome.scenario, outcome.revision, ...caseOf(outcome)].join(' \u00B7 ')}</a> ${seen.why[0] !== check.why[0] && seen.why[0]}</li>`,
  );
  return html`<details class="card v-${check.verdict}" id="${anchor('check', check.id)}" data-v="${check.verdict}"${open && OPEN}>
<summary><span class="line">${badge(check.verdict)} <code class="id">${check.id}</code> <span class="title">${title}</span></span><span class="meta">${[check.level, ...revisions, many(runs.length, 'run')].join(' \u00B7 ')}${check.requirement.map((id) => html` \u00B7 ${ruleLink(id, known)}`)}</span><span class="why">${check.why.map((why) => html`<span>${why}</span>`)}</span></summary>
${shown.slice(0, RUNS)}${
  shown.length > RUNS &&
  html`<details class="more rest"><summary>${many(shown.length - RUNS, 'more run')}</summary>${shown.slice(RUNS)}</details>`
}${elsewhere.length > 0 && html`<details class="more elsewhere"><summary>${many(elsewhere.length, 'run')} shown with another finding</summary><ul>${elsewhere}</ul></details>`}
</details>`;
}

/** A run that says of itself that something is wrong, by no check. */
function bareCard(outcome: Outcome, outcomes: readonly Outcome[]): Markup {
  const { verdict, scenario, title, reason } = outcome;
  return html`<details class="card v-${verdict}" data-v="${verdict}"><summary><span class="line">${badge(verdict)} <code class="id">${scenario}</code> <span class="title">${title}</span></span><span class="why"><span>${reason}</span></span></summary>${run(outcome, [], outcomes, { open: true, named: false })}</details>`;
}

function run(
  outcome: Outcome,
  why: readonly string[],
  outcomes: readonly Outcome[],
  { open, named }: { open: boolean; named: boolean },
): Markup {
  const { revision, scenario, ms, transcript } = outcome;
  const told = [revision, ...caseOf(outcome)].join(' \u00B7 ');
  return html`<details class="run" id="${runAnchor(outcome, outcomes)}"${open && OPEN}><summary><b>${told}</b>${named && html` <code>${scenario}</code>`}<span class="meta">${Math.round(ms)} ms</span></summary>${why.length > 0 && html`<ul class="whys">${why.map((one) => html`<li>${one}</li>`)}</ul>`}${timeline(transcript, ms)}</details>`;
}

function runAnchor(outcome: Outcome, outcomes: readonly Outcome[]): string {
  return `run-${outcomes.indexOf(outcome) + 1}`;
}

export function ruleLink(id: string, known: ReadonlySet<string>): Markup {
  return known.has(id) ? html`<a href="#${anchor('rule', id)}">${id}</a>` : html`${id}`;
}

/** What was not tested, by the reason for it. */
export function passedOver(outcomes: readonly Outcome[]): Markup {
  const rows = (['untestable', 'skip'] satisfies Verdict[]).flatMap((verdict) =>
    [...byReason(outcomes.filter((one) => one.verdict === verdict))].map(
      ([reason, runs]) =>
        html`<tr data-v="${verdict}"><td>${badge(verdict)}</td><th scope="row">${reason}</th><td>${many(runs.length, 'run')}</td><td><details class="more"><summary>${many(new Set(runs.map(({ scenario }) => scenario)).size, 'scenario')}</summary><ul>${[...new Set(runs.map(({ scenario, revision }) => `${scenario} (${revision})`))].map((name) => html`<li><code>${name}</code></li>`)}</ul></details></td></tr>`,
    ),
  );
  if (rows.length === 0) return html``;
  return html`<section id="not-tested" aria-labelledby="not-tested-title"><h2 id="not-tested-title">Not tested</h2><div class="scroll"><table class="rows"><thead><tr><th scope="col">Verdict</th><th scope="col">Why</th><th scope="col">Runs</th><th scope="col">Scenarios</th></tr></thead><tbody>${rows}</tbody></table></div></section>`;
}

/** The reports on several targets as one page: checks by targets, each cell linked to the reasons. */

import { checksOf, counted, isFinding, many, nameOf, type Results, worst } from '../results.ts';
import { badge, bar, SHOWN, type Shown } from './badge.ts';
import { documentOf } from './document.ts';
import { anchor, html, type Markup } from './markup.ts';
import { headline } from './page.ts';
import { type Seen, verdictsOf } from './verdicts.ts';

/** Runs of one cell that are told with their reasons. */
const RUNS = 5;

interface Row {
  id: string;
  level: string;
  title: string;
  /** By target; nothing where no run of it made this check. */
  cells: (Cell | undefined)[];
  verdict: Shown;
}

interface Cell {
  verdict: Shown;
  seen: Seen | undefined;
  told: string;
}

/** @returns the whole HTML file */
export function matrix(all: readonly Results[]): string {
  const rows = rowsOf(all);
  const counts = new Map<Shown, number>();
  for (const { verdict } of rows) counts.set(verdict, (counts.get(verdict) ?? 0) + 1);
  const wrong = rows.filter(({ cells }) => cells.some((cell) => cell && isShownFinding(cell.verdict)));
  const rest = rows.filter((row) => !wrong.includes(row));
  return documentOf({
    title: `${many(all.length, 'target')}, ${many(rows.length, 'check')}`,
    header: html`<h1>${many(all.length, 'target')}</h1><p class="headline">${many(rows.length, 'check')}, ${wrong.length} of them failed by one or more</p><div class="targets">${all.map(summaryOf)}</div>`,
    counts,
    main: html`${
      wrong.length > 0 &&
      html`<section aria-labelledby="wrong-title"><h2 id="wrong-title">Where they fail <span class="count">${wrong.length}</span></h2>${table(wrong, all)}</section>`
    }${
      rest.length > 0 &&
      html`<section aria-labelledby="rest-title"><h2 id="rest-title">The rest</h2><details class="group"><summary><h3>${many(rest.length, 'check')} that nobody fails</h3></summary>${table(rest, all)}</details></section>`
    }${reasons(wrong, all)}`,
    footer: 'A row is as good as its worst cell, a cell as its worst run. What each verdict says:',
  });
}

function isShownFinding(verdict: Shown): boolean {
  return verdict !== 'unseen' && isFinding(verdict);
}

function rowsOf(all: readonly Results[]): Row[] {
  const seen = all.map(
    ({ target, outcomes }) => new Map(verdictsOf({ target, outcomes }).others.map((one) => [one.id, one])),
  );
  const ids = new Set(seen.flatMap((one) => [...one.keys()]));
  return [...ids].sort().map((id) => {
    const cells = all.map((results, index) => cellOf(id, seen[index]?.get(id), results));
    const [known] = seen.flatMap((one) => one.get(id) ?? []);
    const verdicts = cells.flatMap((cell) => cell?.verdict ?? []);
    return {
      id,
      level: known?.runs[0]?.check.level ?? '',
      title: known?.told ?? '',
      cells,
      verdict: SHOWN.find((one) => verdicts.includes(one)) ?? 'unseen',
    };
  });
}

function cellOf(id: string, seen: Seen | undefined, { outcomes }: Results): Cell | undefined {
  if (seen) return { verdict: seen.verdict, seen, told: '' };
  const own = outcomes.filter(({ scenario }) => scenario === id.split('#')[0]);
  const over = worst(own.map(({ verdict }) => verdict).filter((one) => one === 'skip' || one === 'untestable'));
  if (over === undefined)
    return own.length > 0 ? { verdict: 'unseen', seen, told: 'its scenario did not come to it' } : undefined;
  return { verdict: over, seen, told: own.find(({ verdict }) => verdict === over)?.reason ?? '' };
}

function summaryOf(results: Results): Markup {
  const { target, outcomes } = results;
  const counts = new Map<Shown, number>(Object.entries(counted(outcomes)) as [Shown, number][]);
  const revisions = [...new Set(outcomes.map(({ revision }) => revision))].sort();
  const { verdict, text } = headline(results);
  return html`<div><h2>${target}</h2><p class="headline v-${verdict}">${text}</p><p class="quiet">${revisions.join(', ')} \u00B7 ${many(outcomes.length, 'run')} \u00B7 ${many(checksOf(outcomes), 'check')}</p>${bar(counts)}</div>`;
}

function table(rows: readonly Row[], all: readonly Results[]): Markup {
  const lines: Markup[] = [];
  let before = '';
  for (const { id, level, title, cells, verdict } of rows) {
    const area = id.split('.')[0] ?? id;
    if (area !== before)
      lines.push(html`<tr class="name"><th scope="rowgroup" colspan="${all.length + 1}">${area}</th></tr>`);
    before = area;
    lines.push(
      html`<tr data-v="${verdict}"><th scope="row"><code>${id}</code> <span class="level">${level}</span><br><span class="quiet">${title}</span></th>${cells.map((cell, index) => html`<td>${cellMarkup(cell, id, index)}</td>`)}</tr>`,
    );
  }
  return html`<div class="matrix" role="region" tabindex="0" aria-label="Checks by targets"><table><thead><tr><th scope="col">Check</th>${all.map(({ target }) => html`<th scope="col">${target}</th>`)}</tr></thead><tbody>${lines}</tbody></table></div>`;
}

function cellMarkup(cell: Cell | undefined, id: string, target: number): Markup {
  if (!cell) return html`<span class="quiet">not run</span>`;
  if (isShownFinding(cell.verdict)) return html`<a href="#${placeOf(id, target)}">${badge(cell.verdict)}</a>`;
  return cell.told === '' ? badge(cell.verdict) : html`<span title="${cell.told}">${badge(cell.verdict)}</span>`;
}

function placeOf(id: string, target: number): string {
  return anchor(`why-${target + 1}`, id);
}

function reasons(rows: readonly Row[], all: readonly Results[]): Markup {
  if (rows.length === 0) return html``;
  const cards = rows.map(({ id, level, title, cells, verdict }) => {
    const told = cells.map((cell, index) => {
      if (!cell?.seen || !isShownFinding(cell.verdict)) return undefined;
      const runs = cell.seen.runs.filter(({ check }) => isFinding(check.verdict));
      const more = runs.length - RUNS;
      return html`<div class="reason" id="${placeOf(id, index)}"><p>${badge(cell.verdict)} <b>${all[index]?.target}</b> <span class="quiet">${runs.length} of ${many(cell.seen.runs.length, 'run')}</span></p><ul class="whys">${runs.slice(0, RUNS).map(({ outcome, check }) => html`<li>${check.why.join('; ')} <span class="quiet">${nameOf(outcome)}</span></li>`)}${more > 0 && html`<li>and ${more} more</li>`}</ul></div>`;
    });
    return html`<details class="card v-${verdict}" data-v="${verdict}"><summary><span class="line"><code class="id">${id}</code> <span class="title">${title}</span></span><span class="meta">${level}</span></summary><div class="run">${told}</div></details>`;
  });
  return html`<section aria-labelledby="why-title"><h2 id="why-title">Why</h2>${cards}</section>`;
}

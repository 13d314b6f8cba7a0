/** A result as one page: no script, no network, light and dark, readable on a phone. Pure. */

import { baselineText, comparisonRows } from './baseline.ts';
import {
  engineText,
  type Figure,
  judged,
  others,
  overwhelmed,
  passed,
  shown,
  summarized,
  targetText,
  type Unit,
  unitOf,
  verdict,
} from './figures.ts';
import { machineText } from './machine.ts';
import { escaped, type Line, linesOf, plot } from './plot.ts';
import type { LoadResult, Measured } from './result.ts';

/** Drawn of those that are k6's own; of the suite's every one. */
const DRAWN = ['http_reqs', 'http_req_duration', 'http_req_failed', 'vus', 'dropped_iterations', 'data_received'];

/** @param dashboard name of k6's own report beside this one, where k6 made it */
export function reportPage(result: LoadResult, before?: LoadResult, dashboard?: string): string {
  const figures = judged(result);
  const red = figures.filter((figure) => !passed(figure)).length;
  const title = `${result.name}: ${verdict(result, red)}`;
  const slow = overwhelmed(result);
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>${escaped(title)}</title>
<style>${STYLE}</style>
</head>
<body>
<main>
<h1>${escaped(result.name)} <span class="${result.exit_code === 0 ? 'good' : 'bad'}">${escaped(verdict(result, red))}</span></h1>
${slow === undefined ? '' : `<p class="note">${escaped(slow)}</p>`}
${facts(result)}
<h2>Thresholds</h2>
<ul class="figures">${figures.map(threshold).join('')}</ul>
${before === undefined ? '' : comparison(before, result)}
<h2>Over time</h2>
${plots(result, dashboard)}
<h2>Besides</h2>
<ul class="figures">${others(result)
    .map(([name, measured]) => item('', name, summarized(name, measured), ''))
    .join('')}</ul>
${result.said === '' ? '' : `<h2>In its own words</h2><pre>${escaped(result.said.trim())}</pre>`}
</main>
</body>
</html>
`;
}

function facts(result: LoadResult): string {
  const { iterations, lag } = result;
  const cut = iterations.interrupted === undefined ? '' : `, ${iterations.interrupted} interrupted`;
  const rows: [string, string][] = [
    ['Target', targetText(result.target)],
    ['Profile', [result.profile, ...Object.entries(result.knobs).map((pair) => pair.join('='))].join(' ')],
    ['Engine', engineText(result.engine)],
    ['Machine', machineText(result.machine)],
    ['Started', result.started_at],
    ['Duration', `${shown(result.duration_ms / 1000, '')} s`],
    ['Iterations', `${iterations.completed} complete${cut}, ${iterations.dropped} dropped`],
    [
      'Event-loop lag of the generator',
      lag === undefined ? 'not measured by k6' : `p99 ${shown(lag.p99_ms, 'ms')}, max ${shown(lag.max_ms, 'ms')}`,
    ],
  ];
  return `<dl>${rows.map(([name, value]) => `<div><dt>${name}</dt><dd>${escaped(value)}</dd></div>`).join('')}</dl>`;
}

function threshold(figure: Figure): string {
  const ok = passed(figure);
  const rules = figure.rules.map(({ expression }) => expression).join(', ');
  return item(ok ? '✓' : '✗', figure.metric, shown(figure.value, figure.unit), rules, ok ? 'good' : 'bad');
}

function item(mark: string, name: string, value: string, rule: string, kind = ''): string {
  const cells = [`<b>${escaped(value)}</b>`, rule === '' ? '' : `<i>${escaped(rule)}</i>`].join(' ');
  return `<li><span class="name"><span class="${kind}">${mark}</span> ${breakable(name)}</span><span>${cells}</span></li>`;
}

/** A selector may stand on the next line of a narrow page. */
function breakable(name: string): string {
  return escaped(name).replaceAll(/[{,]/g, '<wbr>$&');
}

function comparison(before: LoadResult, now: LoadResult): string {
  const rows = comparisonRows(before, now).map(
    ([figure = '', was = '', is = '', change = '']) =>
      `<li><span class="name">${breakable(figure)}</span><span>${escaped(was)} → <b>${escaped(is)}</b> <i>${escaped(change)}</i></span></li>`,
  );
  const text = baselineText(before);
  return `<h2>${escaped(text.charAt(0).toUpperCase() + text.slice(1))}</h2><ul class="figures">${rows.join('')}</ul>`;
}

function plots(result: LoadResult, dashboard: string | undefined): string {
  const seconds = result.duration_ms / 1000;
  const all = Object.entries(result.series)
    .filter(([name, points]) => points.length > 1 && (/^mcp_[^{]*$|^lag$/.test(name) || DRAWN.includes(name)))
    .map(([name, points]) => {
      const measured = measuredAs(name, result);
      const title = name === 'lag' ? 'event-loop lag of the generator' : name;
      const unit = name === 'lag' ? 'ms' : unitOf(name, measured);
      return { title, unit, lines: linesOf(measured.type, points, seconds) };
    });
  if (all.length === 0) {
    if (dashboard === undefined) return '<p>Nothing was measured over time.</p>';
    return `<p>k6 draws them itself: <a href="${escaped(dashboard)}">${escaped(dashboard)}</a></p>`;
  }
  const flat = all.filter(({ lines }) => lines.every(({ points }) => points.every(([, value]) => value === 0)));
  const drawn = all.filter((one) => !flat.includes(one)).map((one) => figure(one, seconds));
  const zero =
    flat.length === 0 ? '' : `<p>Zero all the time: ${flat.map(({ title }) => escaped(title)).join(', ')}</p>`;
  return `<div class="plots">${drawn.join('')}</div>${zero}`;
}

function figure({ title, unit, lines }: { title: string; unit: Unit; lines: Line[] }, seconds: number): string {
  const legend = lines.map(({ label }, at) => `<span class="key-${at + 1}">${label}</span>`).join(' ');
  return `<figure><figcaption>${escaped(title)} <small>${legend}</small></figcaption>${plot(title, lines, unit, seconds)}</figure>`;
}

/** The generator's lag is no metric of the run. */
function measuredAs(name: string, { metrics }: LoadResult): Measured {
  return metrics[name] ?? { type: 'trend', values: {} };
}

const STYLE = `
:root { color-scheme: light dark; --ink: #1d2328; --soft: #5b6670; --rule: #d9dee2; --page: #fff; --good: #1a7f4b; --bad: #c02c2c; --line-1: #1f6fb2; --line-2: #c96a12; --line-3: #9aa4ad }
@media (prefers-color-scheme: dark) { :root { --ink: #e4e8eb; --soft: #9aa5ae; --rule: #343b41; --page: #16191c; --good: #52c58b; --bad: #ff7b72; --line-1: #66b0ee; --line-2: #f0a04b; --line-3: #6c7780 } }
* { box-sizing: border-box }
body { margin: 0; font: 15px/1.5 system-ui, sans-serif; color: var(--ink); background: var(--page) }
main { max-width: 1120px; margin: 0 auto; padding: 16px }
h1 { font-size: 1.5rem; margin: .2em 0 .6em; overflow-wrap: anywhere } h2 { font-size: 1.1rem; margin: 1.8em 0 .5em }
.good { color: var(--good) } .bad { color: var(--bad) }
.note { border-left: 4px solid var(--bad); padding: 4px 12px; margin: 0 0 1em }
dl { display: grid; grid-template-columns: repeat(auto-fill, minmax(min(240px, 100%), 1fr)); gap: 8px 24px; margin: 0 }
dt { color: var(--soft); font-size: .8rem } dd { margin: 0; overflow-wrap: anywhere }
.figures { list-style: none; margin: 0; padding: 0 }
.figures li { display: flex; flex-wrap: wrap; justify-content: space-between; gap: 0 16px; padding: 4px 0; border-bottom: 1px solid var(--rule) }
.name { overflow-wrap: anywhere } i { color: var(--soft); font-style: normal; font-size: .85rem }
b { font-weight: 600; font-variant-numeric: tabular-nums }
.plots { display: grid; grid-template-columns: repeat(auto-fill, minmax(min(320px, 100%), 1fr)); gap: 20px }
figure { margin: 0 } figcaption { font-size: .85rem; overflow-wrap: anywhere } svg { width: 100%; height: auto; display: block }
svg text { font: 10.5px system-ui, sans-serif; fill: var(--soft) } .grid { stroke: var(--rule) }
polyline { fill: none; stroke-width: 1.5; stroke-linejoin: round }
.line-1 { stroke: var(--line-1) } .line-2 { stroke: var(--line-2) } .line-3 { stroke: var(--line-3) }
.key-1 { color: var(--line-1) } .key-2 { color: var(--line-2) } .key-3 { color: var(--line-3) }
pre { white-space: pre-wrap; overflow-wrap: anywhere }
`;

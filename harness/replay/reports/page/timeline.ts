/** A transcript as a time line: lanes of exchanges over a common axis, and below it each frame at its ms with its text. */

import type { Event } from '../../outcome.ts';
import { headerLines, messageWords } from '../frames.ts';
import { many } from '../results.ts';
import { html, type Markup } from './markup.ts';

/** Characters of a text that are shown before it is opened. */
const SHORT = 140;
/** Characters of a text that are kept at all; the JSONL transcript has the rest. */
const LONG = 64 * 1024;
/** Rows of one time line; of more, the first and the last. */
const ROWS = { first: 100, last: 200 };
/** Lanes side by side in the rail; an exchange that is over leaves its lane to the next. */
const RAIL = 8;
/** ms without a frame that are shown as a gap. */
const GAP = 150;

export function timeline(transcript: readonly Event[], ms: number): Markup {
  if (transcript.length === 0) return html`<p class="quiet">Nothing went over the wire.</p>`;
  const frames = framesOf(transcript);
  const lanes = lanesOf(frames);
  const span = Math.max(ms, frames.at(-1)?.t ?? 0, 1);
  return html`<div class="timeline">${overview(frames, lanes, span)}${table(frames, lanes)}${rawBytes(transcript)}</div>`;
}

/** A body that is no event stream is one frame, whatever chunks it came in; the bytes of a stream are told apart. */
function framesOf(transcript: readonly Event[]): Event[] {
  const framed = framedOf(transcript);
  const bodies = new Map<number, number>();
  const frames: Event[] = [];
  for (const event of transcript) {
    if (event.what !== 'chunk') {
      frames.push(event);
      continue;
    }
    if (framed.has(event.exchange)) continue;
    const at = bodies.get(event.exchange);
    const before = at === undefined ? undefined : frames[at];
    if (at !== undefined && before?.what === 'chunk') frames[at] = { ...before, text: before.text + event.text };
    else bodies.set(event.exchange, frames.push(event) - 1);
  }
  return frames;
}

function framedOf(transcript: readonly Event[]): Set<number> {
  return new Set(
    transcript.filter(({ what }) => ['event', 'comment', 'retry'].includes(what)).map(({ exchange }) => exchange),
  );
}

interface Lane {
  exchange: number;
  /** What is asked in it, as `POST tools/call`. */
  title: string;
  status: string;
  from: number;
  answered: number | undefined;
  to: number;
  /** Its place in the rail. */
  slot: number;
  /** Index of its first and its last frame. */
  first: number;
  last: number;
}

function lanesOf(frames: readonly Event[]): Map<number, Lane> {
  const lanes = new Map<number, Lane>();
  for (const [index, event] of frames.entries()) {
    const known = lanes.get(event.exchange);
    const lane = known ?? {
      exchange: event.exchange,
      title: '',
      status: '',
      from: event.t,
      answered: undefined,
      to: event.t,
      slot: 0,
      first: index,
      last: index,
    };
    if (!known) lanes.set(event.exchange, lane);
    lane.to = event.t;
    lane.last = index;
    if (event.what === 'request') lane.title = titleOf(event);
    if (event.what === 'answer') {
      lane.answered = event.t;
      lane.status = String(event.status);
    }
    if (event.what === 'end' && event.error !== undefined) lane.status += ' cut';
  }
  const taken: (Lane | undefined)[] = [];
  for (const lane of lanes.values()) {
    const free = taken.findIndex((other) => other === undefined || other.last < lane.first);
    lane.slot = free >= 0 ? free : taken.length;
    taken[lane.slot] = lane;
  }
  return lanes;
}

function titleOf({ method, body }: Event & { what: 'request' }): string {
  const said = body === undefined ? undefined : messageWords(body)?.split(',')[0];
  return said === undefined ? method : `${method} ${said}`;
}

/** The true scale of time, each exchange a lane. */
function overview(frames: readonly Event[], lanes: ReadonlyMap<number, Lane>, span: number): Markup {
  const at = (t: number) => `${((t / span) * 100).toFixed(2)}%`;
  const dense = lanes.size > 12;
  const rows = [...lanes.values()].map((lane) => {
    const answered = lane.answered ?? lane.to;
    const marks = frames
      .filter(({ exchange }) => exchange === lane.exchange)
      .map(
        (event) =>
          html`<svg class="mark m-${markOf(event)}" style="left:${at(event.t)}"><title>${event.t.toFixed(1)} ms: ${wordsOf(event)}</title><use href="#m-${markOf(event)}"/></svg>`,
      );
    return html`<div class="lane"><span class="name"><b>${lane.exchange}</b> ${lane.title}</span><span class="track"><i class="waits" style="left:${at(lane.from)};width:${at(answered - lane.from)}"></i><i class="streams" style="left:${at(answered)};width:${at(lane.to - answered)}"></i>${marks}</span><span class="status">${lane.status}</span></div>`;
  });
  const ticks = ticksOf(span).map(
    (t) => html`<span style="left:${at(t)}">${t >= 10_000 ? `${t / 1000} s` : `${t} ms`}</span>`,
  );
  return html`<div class="overview${dense && ' dense'}" aria-hidden="true">${rows}<div class="lane axis"><span class="name"></span><span class="track">${ticks}</span><span class="status"></span></div></div>`;
}

/** Round times, five or so of them. */
function ticksOf(span: number): number[] {
  const rough = span / 5;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 5, 10].map((times) => times * power).find((one) => one >= rough) ?? rough;
  return Array.from({ length: Math.floor(span / step) + 1 }, (_, index) => Number((index * step).toPrecision(6)));
}

function table(frames: readonly Event[], lanes: ReadonlyMap<number, Lane>): Markup {
  const width = Math.min(RAIL, Math.max(...[...lanes.values()].map(({ slot }) => slot + 1)));
  const cut = frames.length > ROWS.first + ROWS.last;
  const rows: Markup[] = [];
  let before: number | undefined;
  for (const [index, event] of frames.entries()) {
    if (cut && index === ROWS.first) {
      rows.push(gap(index, `${frames.length - ROWS.first - ROWS.last} frames left out here`));
      before = undefined;
    }
    if (cut && index >= ROWS.first && index < frames.length - ROWS.last) continue;
    if (before !== undefined && event.t - before >= GAP)
      rows.push(gap(index, `${Math.round(event.t - before)} ms`, ' nothing came'));
    before = event.t;
    rows.push(
      html`<tr class="m-${markOf(event)}"><th scope="row" class="ms">${event.t.toFixed(1)}</th><td class="no"><span class="vh">exchange </span>${event.exchange}</td>${rail(index, event)}<td class="what">${contentOf(event)}</td></tr>`,
    );
  }
  return html`<div class="frames" role="region" tabindex="0" aria-label="Frames in order of time"><table><thead><tr><th scope="col" class="ms">ms</th><th scope="col" class="no"><abbr title="Number of the exchange">#</abbr></th><td></td><th scope="col">On the wire</th></tr></thead><tbody>${rows}</tbody></table></div>`;

  function rail(index: number, event: Event | undefined): Markup {
    const lines = [...lanes.values()]
      .filter(({ first, last, slot }) => slot < RAIL && first <= index && index <= last)
      .map((lane) => {
        const own = event?.exchange === lane.exchange;
        const part = own ? (lane.first === index ? ' from' : '') + (lane.last === index ? ' to' : '') : '';
        // Between two frames only those lanes go on that had begun before.
        if (!event && lane.first === index) return undefined;
        if (lane.first === lane.last) return undefined;
        return html`<i class="line${part}" style="left:${lane.slot * 16 + 7}px"></i>`;
      });
    const slot = Math.min(RAIL - 1, lanes.get(event?.exchange ?? 0)?.slot ?? 0);
    return html`<td class="rail" aria-hidden="true" style="min-width:${width * 16}px;width:${width * 16}px">${lines}${event && html`<svg class="mark m-${markOf(event)}" style="left:${slot * 16}px"><use href="#m-${markOf(event)}"/></svg>`}</td>`;
  }

  function gap(index: number, told: string, more = ''): Markup {
    return html`<tr class="gap"><td class="ms"></td><td class="no"></td>${rail(index, undefined)}<td class="what">${told}${more}</td></tr>`;
  }
}

type Mark = 'request' | 'answer' | 'event' | 'comment' | 'body' | 'end' | 'cut';

function markOf(event: Event): Mark {
  switch (event.what) {
    case 'chunk':
      return 'body';
    case 'retry':
      return 'comment';
    case 'end':
      return event.error === undefined ? 'end' : 'cut';
    default:
      return event.what;
  }
}

function wordsOf(event: Event): string {
  switch (event.what) {
    case 'request':
      return titleOf(event);
    case 'answer':
      return `answer ${event.status}`;
    case 'chunk':
      return 'body';
    case 'event':
      return event.data === '' ? 'event without data' : (messageWords(event.data) ?? 'event');
    case 'comment':
      return 'comment';
    case 'retry':
      return `retry ${event.ms} ms`;
    case 'end':
      return event.error === undefined ? 'end' : event.error;
  }
}

function contentOf(event: Event): Markup {
  switch (event.what) {
    case 'request': {
      const words = event.body === undefined ? undefined : messageWords(event.body);
      return html`<p class="head"><b>${event.method}</b> ${words}${event.node !== undefined && html` <span class="on">to ${event.node}</span>`}</p>${headers(event.headers)}${event.body !== undefined && text(event.body)}`;
    }
    case 'answer':
      return html`<p class="head"><b>${event.status}</b> ${event.headers['content-type'] ?? 'no content type'}</p>${headers(event.headers)}`;
    case 'chunk':
      return html`<p class="head"><b>body</b> ${messageWords(event.text)}</p>${text(event.text)}`;
    case 'event': {
      const words = event.data === '' ? 'without data' : messageWords(event.data);
      const fields = [
        event.event !== undefined && `event: ${event.event}`,
        event.id !== undefined && `id: ${event.id}`,
      ];
      const said = fields.filter((field) => field !== false);
      return html`<p class="head"><b>event</b> ${words}${said.length > 0 && html` <code class="field">${said.join('  ')}</code>`}</p>${event.data !== '' && text(event.data)}`;
    }
    case 'comment':
      return event.text.length > SHORT
        ? html`<p class="head"><b>comment</b></p>${text(event.text)}`
        : html`<p class="head"><b>comment</b> <code class="field">${event.text}</code></p>`;
    case 'retry':
      return html`<p class="head"><b>retry</b> after ${event.ms} ms</p>`;
    case 'end':
      return event.error === undefined
        ? html`<p class="head"><b>end</b> of the answer</p>`
        : html`<p class="head"><b>cut</b> ${event.error}</p>`;
  }
}

function headers(given: Readonly<Record<string, string | readonly string[]>>): Markup {
  const lines = headerLines(given);
  if (lines.length === 0) return html``;
  return html`<details class="more headers"><summary><span class="count">${many(lines.length, 'header')}</span> <code>${cutTo(lines.join(' \u00B7 '), SHORT)}</code></summary><pre>${lines.join('\n')}</pre></details>`;
}

/** As it is where it is short; else its beginning, and all of it when opened, JSON in lines. */
function text(given: string): Markup {
  if (given === '') return html``;
  if (given.length <= SHORT && !given.includes('\n')) return html`<code class="text">${given}</code>`;
  return html`<details class="more"><summary><code>${cutTo(given.replaceAll('\n', ' '), SHORT)}</code></summary><pre>${whole(given)}</pre></details>`;
}

function whole(given: string): string {
  let told = given;
  try {
    told = JSON.stringify(JSON.parse(given), null, 2);
  } catch {
    // Not JSON: as it came.
  }
  return told.length > LONG ? `${told.slice(0, LONG)}\n\u2026 and ${told.length - LONG} characters more` : told;
}

function cutTo(given: string, most: number): string {
  return given.length > most ? `${given.slice(0, most)}\u2026` : given;
}

/** What the frames of the event streams were read from. */
function rawBytes(transcript: readonly Event[]): Markup {
  const parts = [...framedOf(transcript)].map((exchange) => {
    const chunks = transcript.filter((event) => event.what === 'chunk' && event.exchange === exchange);
    const bytes = chunks.map((event) => (event.what === 'chunk' ? event.text : '')).join('');
    if (bytes === '') return undefined;
    return html`<details class="more raw"><summary>Exchange ${exchange} as it came, in ${many(chunks.length, 'chunk')}</summary><pre>${cutTo(bytes, LONG)}</pre></details>`;
  });
  return html`${parts}`;
}

/** The marks, drawn once for a page. */
export const MARK_SYMBOLS: Markup = html`<svg class="vh" aria-hidden="true"><defs><symbol id="m-request" viewBox="0 0 16 16"><path d="M4 3l9 5-9 5z"/></symbol><symbol id="m-answer" viewBox="0 0 16 16"><path d="M8 2.5 13.5 8 8 13.5 2.5 8z"/></symbol><symbol id="m-event" viewBox="0 0 16 16"><circle cx="8" cy="8" r="4.2"/></symbol><symbol id="m-comment" viewBox="0 0 16 16"><circle class="hollow" cx="8" cy="8" r="3.4"/></symbol><symbol id="m-body" viewBox="0 0 16 16"><rect x="4" y="4" width="8" height="8" rx="1"/></symbol><symbol id="m-end" viewBox="0 0 16 16"><rect x="6.8" y="2.5" width="2.4" height="11" rx="1"/></symbol><symbol id="m-cut" viewBox="0 0 16 16"><path d="M4.2 3 8 6.8 11.8 3 13 4.2 9.2 8l3.8 3.8-1.2 1.2L8 9.2 4.2 13 3 11.8 6.8 8 3 4.2z"/></symbol></defs></svg>`;

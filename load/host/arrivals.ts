// What stock k6 cannot see: when each stream, heartbeat and event reaches the client. The host times the response headers and the
// lines of every `text/event-stream` body as they come in, and feeds a Counter and two Trends:
//
// - `mcp_streams_begun`: event streams whose response headers came.
// - `mcp_heartbeat_gap_ms`: from the last comment, event or response headers of the stream to this comment; the tag `since` says
//   which of them (`comment`, `event`, `headers`). At most the server's heartbeat interval when none was left out; between two
//   comments just that interval.
// - `mcp_event_lag_ms`: from the `"sentAt"` (Unix time in milliseconds, anywhere in the data, also in JSON within a string) of an
//   event to its arrival. Events without one are not counted. Means something only when client and server share a clock.

import type { Metrics, Tags } from './metrics.ts';

const LINE_FEED = 10;
const CARRIAGE_RETURN = 13;
const COLON = 58;
/** Bytes of a line that are looked at: a `sentAt` further on is not seen. */
const LONGEST_LINE = 65_536;
/** The text of `notifications/progress` is a string: quotes within it are escaped. */
const sentAt = /"sentAt\\?"\s*:\s*(\d+(?:\.\d+)?)/;

/** Makes the metrics known, so that thresholds on them are not refused. */
export function declareArrivals(metrics: Metrics): void {
  metrics.declare('mcp_streams_begun', 'counter', 'default');
  metrics.declare('mcp_heartbeat_gap_ms', 'trend', 'time');
  metrics.declare('mcp_event_lag_ms', 'trend', 'time');
}

/** Watches one stream, from its response headers on. */
export class Arrivals {
  readonly #metrics: Metrics;
  readonly #tags: () => Tags;
  #last = performance.now();
  /** What came then. */
  #since = 'headers';
  #line: Buffer[] = [];
  #length = 0;
  #data = false;

  constructor(metrics: Metrics, tags: () => Tags) {
    this.#metrics = metrics;
    this.#tags = tags;
    metrics.add(metrics.get('mcp_streams_begun'), 1, tags());
  }

  chunk(bytes: Buffer): void {
    let from = 0;
    for (let at = bytes.indexOf(LINE_FEED); at !== -1; at = bytes.indexOf(LINE_FEED, from)) {
      this.#keep(bytes.subarray(from, at));
      this.#endLine();
      from = at + 1;
    }
    this.#keep(bytes.subarray(from));
  }

  #keep(part: Buffer): void {
    if (part.length === 0 || this.#length > LONGEST_LINE) return;
    this.#line.push(part);
    this.#length += part.length;
  }

  #endLine(): void {
    const line = this.#line.length === 1 ? (this.#line[0] as Buffer) : Buffer.concat(this.#line);
    this.#line = [];
    this.#length = 0;
    const now = performance.now();
    if (line.length === 0 || line[0] === CARRIAGE_RETURN) {
      if (this.#data) this.#came('event', now);
      this.#data = false;
    } else if (line[0] === COLON) {
      const tags = { ...this.#tags(), since: this.#since };
      this.#metrics.add(this.#metrics.get('mcp_heartbeat_gap_ms'), now - this.#last, tags);
      this.#came('comment', now);
    } else if (line.subarray(0, 5).equals(dataField)) {
      this.#data = true;
      const sent = sentAt.exec(line.toString('utf8'));
      if (sent !== null)
        this.#metrics.add(this.#metrics.get('mcp_event_lag_ms'), Date.now() - Number(sent[1]), this.#tags());
    }
  }

  #came(what: string, now: number): void {
    this.#since = what;
    this.#last = now;
  }
}

const dataField = Buffer.from('data:');

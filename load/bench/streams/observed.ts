/** What a summary of the script host leaves out of its samples: how far heartbeats are off, and how many streams are open. Pure. */
import type { Sample } from '../../host/metrics.ts';
import { Distribution } from '../../host/trend.ts';

/** Values of the tag `name` of requests whose streams are counted. */
const STREAMS = ['stream', 'listen'];

export class Observed {
  /** Streams open now. */
  open = 0;
  beats = 0;
  /** Heartbeats that were due between two others and did not come. */
  missing = 0;
  /** How far the time between two heartbeats is off the period, ms. */
  readonly off = new Distribution();
  /** From the moment an event was sent until it came, ms. */
  readonly lag = new Distribution();
  readonly #period_ms: number;
  /** Unix time in ms between which heartbeats are looked at. */
  #from = Number.POSITIVE_INFINITY;
  #until = Number.POSITIVE_INFINITY;

  /** @param period_ms between two heartbeats, 0 where there are none */
  constructor(period_ms: number) {
    this.#period_ms = period_ms;
  }

  /** Heartbeats are looked at from now on. What came before, and the time that had begun then, count for nothing. */
  watch(now: number): void {
    this.#from = now;
  }

  /** Heartbeats are no longer looked at. */
  rest(now: number): void {
    this.#until = now;
  }

  take({ metric, value, tags, time }: Pick<Sample, 'metric' | 'value' | 'tags' | 'time'>): void {
    if (!STREAMS.includes(tags.name ?? '')) return;
    if (metric === 'mcp_streams_begun') this.open++;
    // It is over. One that was refused has not begun and received nothing.
    else if (metric === 'http_req_receiving' && value > 0) this.open--;
    else if (metric === 'mcp_event_lag_ms') this.lag.add(value);
    else if (metric === 'mcp_heartbeat_gap_ms' && this.#period_ms > 0) this.#beat(value, time, tags.since);
  }

  #beat(gap_ms: number, time: number, since: string | undefined): void {
    if (time - gap_ms < this.#from || time > this.#until) return;
    this.beats++;
    this.missing += Math.max(0, Math.round(gap_ms / this.#period_ms) - 1);
    // The first one of a stream comes at any moment of the period.
    if (since === 'comment') this.off.add(Math.abs(gap_ms - this.#period_ms));
  }
}

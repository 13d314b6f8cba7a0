export type Level = 'info' | 'warning' | 'error' | 'debug';
export type LogSink = (level: Level, message: string) => void;

/** Equal messages that are written; further ones are only counted. */
const REPEATS = 5;
/** Different messages that are told apart. */
const KINDS = 200;

/** The log of one run: thousands of equal failures become a few lines and a number. */
export class Log {
  readonly #sink: LogSink;
  readonly #seen = new Map<string, { level: Level; count: number }>();

  constructor(sink: LogSink) {
    this.#sink = sink;
  }

  write(level: Level, message: string): void {
    this.#sink(level, message);
  }

  /** Writes the first messages of each `kind`, then counts. */
  limited(level: Level, kind: string, message: string): void {
    const key = this.#seen.has(kind) || this.#seen.size < KINDS ? kind : '';
    const seen = this.#seen.get(key) ?? { level, count: 0 };
    seen.count++;
    this.#seen.set(key, seen);
    if (seen.count <= REPEATS) this.#sink(level, message);
    if (seen.count === REPEATS) this.#sink(level, `more of "${kind}" are counted, not written`);
  }

  /** Says how often each kind of message came that was not written every time. */
  close(): void {
    for (const [kind, { level, count }] of this.#seen)
      if (count > REPEATS) this.#sink(level, `${count} times: ${kind || 'other'}`);
  }
}

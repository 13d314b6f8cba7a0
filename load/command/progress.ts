/** Where a run is, while it runs: one line, written over every second; where that is not possible a new one every ten. */

import { readable } from '../host/duration.ts';
import type { RunProgress } from '../host/engine.ts';
import { shown } from './figures.ts';

/** Between two lines that stay, ms. */
const LINE_EVERY_MS = 10_000;

interface Terminal {
  readonly isTTY?: boolean;
  readonly columns?: number;
  write(text: string): unknown;
}

export class ProgressLine {
  readonly #to: Terminal;
  #written = 0;

  constructor(to: Terminal = process.stderr) {
    this.#to = to;
  }

  readonly show = (progress: RunProgress): void => {
    const line = progressText(progress);
    if (this.#to.isTTY) this.#to.write(`\r\x1b[K${line.slice(0, (this.#to.columns ?? 80) - 1)}`);
    else if (progress.elapsedMs - this.#written >= LINE_EVERY_MS) {
      this.#written = progress.elapsedMs;
      this.#to.write(`${line}\n`);
    }
  };

  /** A line that stays takes the place of the progress. */
  readonly say = (level: string, message: string): void => {
    this.end();
    this.#to.write(`${level}: ${message}\n`);
  };

  end(): void {
    if (this.#to.isTTY) this.#to.write('\r\x1b[K');
  }
}

export function progressText({ phase, elapsedMs, vusActive, counts, scenarios, lag }: RunProgress): string {
  const running = scenarios
    .filter(({ state }) => state === 'running')
    .map(({ name, progress }) => `${name} ${Math.floor(100 * progress)} %`);
  const done = scenarios.filter(({ state }) => state === 'done').length;
  return [
    `${phase} ${readable(elapsedMs)}`,
    `${vusActive} VUs`,
    `${counts.completed} iterations`,
    ...(counts.dropped > 0 ? [`${counts.dropped} dropped`] : []),
    `lag ${shown(lag.p99, 'ms')}`,
    ...running,
    `${done} of ${scenarios.length} done`,
  ].join(', ');
}

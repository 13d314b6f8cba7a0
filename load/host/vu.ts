import { CookieJar } from './cookies.ts';
import type { Tags } from './metrics.ts';

/** How one call into a script ended. `endedAt` is on the clock of `performance.now()`. */
export type Outcome =
  | { kind: 'complete' | 'cut'; endedAt: number }
  | { kind: 'failed'; endedAt: number; error: unknown };

type Call = { settled: boolean; lastActive: number; finish(outcome: Outcome): void };

/**
 * One virtual user: an instance of the script, and the operations (requests, timers) that it has open.
 *
 * As in k6 a call is over when its function has settled and nothing is open any more, or when nothing is open that could still
 * settle it. When it throws, or is cut, what is open ends at once and reports nothing.
 */
export class VirtualUser {
  /** 1 for the first; 0 for setup, teardown and handleSummary. */
  readonly id: number;
  /** `__ENV`, the scenario's own variables included. */
  env: Record<string, string>;
  /** `__ITER`: iterations this VU began, less one. */
  iteration = -1;
  iterationsInScenario = -1;
  iterationInTest = -1;
  /** Name of the scenario it works for. */
  scenario = '';
  /** Whether the init context runs: metrics may be made, requests may not. */
  initializing = true;
  exports: Record<string, unknown> = {};
  /** The copy of what setup returned. */
  setupData: unknown;
  /** Emptied before each iteration. */
  readonly cookies = new CookieJar();
  /** Written by the script through `exec.vu.metrics.tags`. */
  readonly customTags: Record<string, unknown> = {};
  readonly metadata: Record<string, unknown> = {};
  /** Path of the group that runs, `::a::b`. */
  group = '';
  #fixed: Tags = {};
  #grouped: Tags = {};
  #call: Call | undefined;
  readonly #open = new Set<() => void>();

  constructor(id: number, env: Record<string, string>) {
    this.id = id;
    this.env = env;
  }

  /** Starts to work for a scenario. */
  assign(scenario: string, env: Record<string, string>, tags: Tags): void {
    this.scenario = scenario;
    this.env = env;
    this.iterationsInScenario = -1;
    this.#fixed = tags;
    this.#grouped = { ...tags, group: '' };
  }

  /** Tags of every sample it adds now. */
  get tags(): Tags {
    if (this.#grouped.group !== this.group) this.#grouped = { ...this.#fixed, group: this.group };
    for (const _ in this.customTags) return { ...this.#grouped, ...textTags(this.customTags) };
    return this.#grouped;
  }

  /** Whether a call runs: samples of a script whose call is over count no more. */
  get live(): boolean {
    return this.#call !== undefined;
  }

  /** Runs `call` to its end. */
  run(call: () => unknown): Promise<Outcome> {
    return new Promise((resolve) => {
      const running: Call = {
        settled: false,
        lastActive: performance.now(),
        finish: (outcome) => {
          if (this.#call !== running) return;
          this.#call = undefined;
          this.group = '';
          for (const cancel of this.#open) cancel();
          this.#open.clear();
          resolve(outcome);
        },
      };
      this.#call = running;
      const settle = () => {
        running.settled = true;
        running.lastActive = performance.now();
        this.#endWhenIdle(running);
      };
      try {
        const returned = call();
        if (returned instanceof Promise) returned.then(settle, (error: unknown) => this.#fail(running, error));
        else settle();
      } catch (error) {
        this.#fail(running, error);
      }
      this.#endWhenIdle(running);
    });
  }

  /** Notes an open operation. The function returned ends it: false when the call it belonged to is over, and nobody listens. */
  hold(cancel: () => void): () => boolean {
    const call = this.#call;
    this.#open.add(cancel);
    return () => {
      if (!this.#open.delete(cancel) || call === undefined || call !== this.#call) return false;
      call.lastActive = performance.now();
      this.#endWhenIdle(call);
      return true;
    };
  }

  /** Code of the script that runs in a callback threw. */
  fail(error: unknown): void {
    if (this.#call !== undefined) this.#fail(this.#call, error);
  }

  /** Ends the call now; its open operations give no samples. */
  cut(): void {
    this.#call?.finish({ kind: 'cut', endedAt: performance.now() });
  }

  #fail(call: Call, error: unknown): void {
    call.finish({ kind: 'failed', endedAt: performance.now(), error });
  }

  /** Continuations of the operation that just ended run before the immediate does, and may open the next one. */
  #endWhenIdle(call: Call): void {
    if (this.#open.size > 0) return;
    setImmediate(() => {
      if (this.#open.size === 0) call.finish({ kind: 'complete', endedAt: call.lastActive });
    });
  }
}

/** Tags as k6 takes them: text, numbers and booleans, all kept as text. */
export function textTags(tags: object): Record<string, string> {
  const text: Record<string, string> = {};
  for (const [name, value] of Object.entries(tags)) {
    if (typeof value === 'object' && value !== null)
      throw new TypeError(`the tag ${name} must be a string, number or boolean`);
    text[name] = String(value);
  }
  return text;
}

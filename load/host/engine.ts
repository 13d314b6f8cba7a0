// A run of one script, from its source to its exit code.
//
// A script means here what it means to k6, within the subset that `bundle.ts` lists. What differs, by design:
// - One thread. A loop that never awaits cannot be interrupted, and everything a script computes delays all VUs; the event-loop
//   lag in every summary says by how much.
// - HTTP/1.1 only, where k6 speaks HTTP/2 over TLS.
// - A promise that a script rejects and nobody handles is logged, and does not end its iteration.
// - Iterations of an arrival rate that the host was too slow to start count as dropped.
// - Thresholds are judged also with `once`.

import { setMaxListeners } from 'node:events';
import { readFileSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { declareArrivals } from './arrivals.ts';
import { bundle, type Instantiate, lacking, lackingExport } from './bundle.ts';
import { Checks, type Group } from './checks.ts';
import { Connections } from './exchange.ts';
import { type Crew, execute } from './executors.ts';
import { type Host, type Progress, RunStopped, refuse } from './host.ts';
import { type Lag, LagProbe } from './lag.ts';
import { type Level, Log, type LogSink } from './log.ts';
import { Metrics, type Sample } from './metrics.ts';
import { executionModule } from './modules/execution.ts';
import { httpModule } from './modules/http.ts';
import { k6Module } from './modules/k6.ts';
import { metricsModule } from './modules/metrics.ts';
import { timersModule } from './modules/timers.ts';
import { chosen, type Options, type Overrides, once, readOptions, type Scenario, vusNeeded } from './options.ts';
import { type ExitCode, exitCodes, invalidConfig, Refusal } from './refusal.ts';
import type { Point } from './series.ts';
import { type Counts, ENGINE, type MetricSummary, metricsSummary, type SummaryData, summaryText } from './summary.ts';
import { judge, readThresholds, type Threshold } from './thresholds.ts';
import { type Outcome, VirtualUser } from './vu.ts';

export type RunSettings = {
  /** `__ENV`. Nothing of the process's own environment is added. */
  env?: Record<string, string>;
  /** Names of the scenarios to run; all when left out. */
  scenario?: string[];
  /** One VU and one iteration for each scenario. */
  once?: boolean;
  /** `vus`, `iterations`, `duration` instead of the script's scenarios. */
  overrides?: Overrides;
  /** Called every second while scenarios run. */
  onProgress?: (progress: RunProgress) => void;
  /** Aborted: the run ends as by Ctrl-C, with the results so far (exit code 105). */
  signal?: AbortSignal;
  onSample?: (sample: Sample) => void;
  /** Console output of the script and warnings of the host. Default: standard error. */
  onLog?: LogSink;
  /** How often `abortOnFail` thresholds are judged; k6's 2,000 ms. */
  judgeEveryMs?: number;
};

export type RunProgress = {
  phase: 'setup' | 'running' | 'teardown';
  elapsedMs: number;
  vusActive: number;
  vusInitialized: number;
  counts: Counts;
  scenarios: { name: string; executor: string; state: Progress['state']; progress: number }[];
  lag: Lag;
};

export type Result = {
  engine: typeof ENGINE;
  exitCode: ExitCode;
  /** Why the exit code is not 0; empty when it is. */
  reason: string;
  /** k6's v1 shape; sub-metrics of thresholds under `metric{tag:value}`. */
  metrics: Record<string, MetricSummary>;
  root_group: Group;
  /** As the script exported them. */
  options: unknown;
  state: SummaryData['state'];
  setup_data?: unknown;
  /** Each metric with samples, second by second. */
  series: Record<string, Point[]>;
  lag: Lag;
  counts: Counts;
  /** What handleSummary returned, or the default text under `stdout`. Not yet written: `writeOutputs` does that. */
  outputs: Record<string, string>;
};

const toStderr: LogSink = (level, message) => {
  process.stderr.write(`${level}: ${message}\n`);
};

/** VUs made in a row before the event loop gets its turn. */
const BATCH = 50;

/**
 * Runs the k6 script at `path`. Never throws for what a script or its options do wrong: the result carries k6's exit code and
 * the reason.
 */
export async function runScript(path: string, settings: RunSettings = {}): Promise<Result> {
  const run = new Run(path, settings);
  return run.toEnd();
}

class Run {
  readonly #path: string;
  readonly #settings: RunSettings;
  readonly #host: Host;
  readonly #lag = new LagProbe();
  readonly #stopped = new AbortController();
  readonly #idle: VirtualUser[] = [];
  readonly #connections = new Map<VirtualUser, Connections>();
  readonly #files = new Map<string, Buffer>();
  #instantiate: Instantiate = () => ({});
  #thresholds: Threshold[] = [];
  /** The first reason to end the run; it decides the exit code. */
  #reason: Refusal | undefined;
  #failed: string | undefined;
  #setupText: string | undefined;
  #phase: RunProgress['phase'] = 'setup';
  #lastId = 0;

  constructor(path: string, settings: RunSettings) {
    this.#path = path;
    this.#settings = settings;
    this.#host = {
      metrics: new Metrics(),
      checks: new Checks(),
      log: new Log(settings.onLog ?? toStderr),
      options: undefined,
      exportedOptions: {},
      progress: new Map(),
      counts: { completed: 0, interrupted: 0, active: 0, initialized: 0, dropped: 0 },
      startedAt: 0,
      stop: (reason) => this.#stop(reason),
      markFailed: (message) => {
        this.#failed ??= `test marked as failed${message ? `: ${message}` : ''}`;
        this.#host.log.write('error', this.#failed);
      },
    };
    // Each scenario listens twice.
    setMaxListeners(0, this.#stopped.signal);
    declareArrivals(this.#host.metrics);
    this.#host.metrics.onSample = settings.onSample;
  }

  async toEnd(): Promise<Result> {
    const { signal } = this.#settings;
    const interrupt = (): void => this.#stop(new Refusal('interrupted by a signal', exitCodes.signal));
    const stray = (error: unknown): void => {
      if (!(error instanceof RunStopped))
        this.#host.log.limited('error', String(error), `Uncaught (in promise) ${stackOf(error)}`);
    };
    signal?.addEventListener('abort', interrupt, { once: true });
    process.on('unhandledRejection', stray);
    if (signal?.aborted) interrupt();
    let outputs: Record<string, string> = {};
    try {
      const scenarios = await this.#prepare();
      await this.#perform(scenarios);
    } catch (error) {
      this.#stop(error instanceof Refusal ? error : new Refusal(stackOf(error), exitCodes.scriptException));
    }
    const data = this.#summarize();
    outputs = this.#host.startedAt === 0 ? {} : await this.#handleSummary(data);
    this.#host.log.close();
    for (const connections of this.#connections.values()) connections.close();
    signal?.removeEventListener('abort', interrupt);
    process.removeListener('unhandledRejection', stray);
    return this.#result(data, outputs);
  }

  #stop(reason: Refusal): void {
    if (this.#reason !== undefined) return;
    this.#reason = reason;
    this.#stopped.abort();
  }

  // The start: source, init context, options, thresholds, VUs.

  async #prepare(): Promise<Scenario[]> {
    const host = this.#host;
    this.#instantiate = await bundle(this.#path);
    const first = this.#newVu(0);
    host.exportedOptions = first.exports.options ?? {};
    const options = readOptions(host.exportedOptions, this.#settings.overrides);
    host.options = options;
    let { scenarios } = options;
    if (this.#settings.scenario !== undefined) scenarios = chosen(scenarios, this.#settings.scenario);
    if (this.#settings.once === true) scenarios = once(scenarios);
    for (const { name, exec } of scenarios) {
      if (typeof first.exports[exec] !== 'function')
        throw invalidConfig(`scenarios.${name}: the script exports no function "${exec}"`);
    }
    this.#thresholds = readThresholds(options.thresholds, host.metrics);
    for (const { name, executor } of scenarios) {
      const progress: Progress = {
        name,
        executor,
        startTime: 0,
        progress: () => 0,
        iterationsStarted: 0,
        state: 'waiting',
      };
      host.progress.set(name, progress);
    }
    this.#idle.push(...(await this.#newVus(vusNeeded(scenarios))));
    return scenarios;
  }

  async #newVus(count: number): Promise<VirtualUser[]> {
    const vus: VirtualUser[] = [];
    for (let index = 0; index < count && !this.#stopped.signal.aborted; index++) {
      vus.push(this.#newVu(++this.#lastId));
      if (index % BATCH === BATCH - 1) await new Promise((resolve) => setImmediate(resolve));
    }
    this.#host.counts.initialized += vus.length;
    return vus;
  }

  /** One more instance of the script. Throws a refusal when its init context throws. */
  #newVu(id: number): VirtualUser {
    const host = this.#host;
    const vu = new VirtualUser(id, this.#settings.env ?? {});
    const modules = {
      k6: k6Module(host, vu),
      'k6/http': httpModule(host, vu, () => this.#connectionsOf(vu), vu.cookies),
      'k6/metrics': metricsModule(host, vu),
      'k6/execution': executionModule(host, vu),
      'k6/timers': timersModule(vu),
    };
    const complete = Object.entries(modules).map(([name, module]) => [name, asModule(name, module, host)]);
    try {
      vu.exports = this.#instantiate({
        vu,
        modules: Object.fromEntries(complete),
        console: consoleOf(host),
        open: (path, mode) => this.#open(vu, path, mode),
      });
    } catch (error) {
      if (error instanceof Refusal) throw error;
      throw new Refusal(stackOf(error), exitCodes.scriptException);
    }
    vu.initializing = false;
    return vu;
  }

  #connectionsOf(vu: VirtualUser): Connections {
    let connections = this.#connections.get(vu);
    if (connections === undefined) {
      connections = new Connections(this.#host.options as Options);
      this.#connections.set(vu, connections);
    }
    return connections;
  }

  /** Paths are relative to the script that was started. A file is read once for all VUs. */
  #open(vu: VirtualUser, path: string, mode?: string): string | ArrayBuffer {
    if (!vu.initializing) throw new Error('the "open" function is only available in the init stage');
    const full = resolve(dirname(this.#path), path);
    const content = this.#files.get(full) ?? readFileSync(full);
    this.#files.set(full, content);
    return mode === 'b' ? new Uint8Array(content).buffer : content.toString('utf8');
  }

  // The run: setup, scenarios, teardown.

  async #perform(scenarios: Scenario[]): Promise<void> {
    const host = this.#host;
    host.startedAt = performance.now();
    host.metrics.startedAt = Date.now();
    this.#lag.start();
    const ticks = [
      setInterval(() => this.#everySecond(), 1000),
      setInterval(() => this.#judgeNow(), this.#settings.judgeEveryMs ?? 2000),
    ];
    try {
      const prepared = await this.#setup();
      this.#phase = 'running';
      if (prepared) await Promise.all(scenarios.map((scenario) => this.#scenario(scenario)));
      this.#phase = 'teardown';
      if (prepared || this.#reason?.exitCode === exitCodes.abortedByScript) await this.#teardown();
    } finally {
      for (const tick of ticks) clearInterval(tick);
      this.#everySecond();
      this.#lag.stop();
    }
  }

  #everySecond(): void {
    const { metrics, counts, startedAt, progress } = this.#host;
    metrics.add(metrics.get('vus'), counts.active, {});
    metrics.add(metrics.get('vus_max'), counts.initialized, {});
    this.#settings.onProgress?.({
      phase: this.#phase,
      elapsedMs: performance.now() - startedAt,
      vusActive: counts.active,
      vusInitialized: counts.initialized,
      counts: this.#counts(),
      scenarios: [...progress.values()].map(({ name, executor, state, progress }) => ({
        name,
        executor,
        state,
        progress: progress(),
      })),
      lag: this.#lag.read(),
    });
  }

  #judgeNow(): void {
    const elapsed = performance.now() - this.#host.startedAt;
    // Only these: the quantiles of a long run are too dear to be read every two seconds for nothing.
    const aborting = this.#thresholds.filter(({ abortOnFail, delayMs }) => abortOnFail && elapsed >= delayMs);
    const [failing] = judge(aborting, elapsed, false);
    if (failing === undefined) return;
    this.#stop(
      new Refusal(
        `threshold ${failing.name}: ${failing.expression} failed, and ends the run`,
        exitCodes.thresholdsFailed,
      ),
    );
  }

  /** Whether scenarios may run. */
  async #setup(): Promise<boolean> {
    const vu = this.#newVu(0);
    const { setup } = vu.exports;
    if (typeof setup !== 'function') return true;
    vu.assign('', vu.env, { ...this.#host.options?.tags, group: '::setup' });
    let returned: unknown;
    const limit = this.#host.options?.setupTimeoutMs ?? 0;
    await this.#once(vu, async () => (returned = await setup()), 'setup', limit, exitCodes.setupTimeout, true);
    this.#setupText = returned === undefined ? undefined : JSON.stringify(returned);
    return this.#reason === undefined;
  }

  async #teardown(): Promise<void> {
    const vu = this.#newVu(0);
    const { teardown } = vu.exports;
    if (typeof teardown !== 'function') return;
    vu.assign('', vu.env, { ...this.#host.options?.tags, group: '::teardown' });
    const limit = this.#host.options?.teardownTimeoutMs ?? 0;
    await this.#once(vu, () => teardown(this.#setupData()), 'teardown', limit, exitCodes.teardownTimeout, false);
  }

  /** Runs a stage of the script that has a time limit, and ends the run when it fails. */
  async #once(
    vu: VirtualUser,
    call: () => unknown,
    stage: string,
    limitMs: number,
    late: ExitCode,
    stoppable: boolean,
  ): Promise<void> {
    const cut = (): void => vu.cut();
    const timer = setTimeout(() => {
      this.#stop(new Refusal(`${stage}() did not end within ${limitMs} ms`, late));
      cut();
    }, limitMs);
    if (stoppable) this.#stopped.signal.addEventListener('abort', cut);
    if (!stoppable || !this.#stopped.signal.aborted) {
      const outcome = await vu.run(call);
      if (outcome.kind === 'failed' && !(outcome.error instanceof RunStopped)) {
        const { error } = outcome;
        this.#stop(
          error instanceof Refusal ? error : new Refusal(`${stage}(): ${stackOf(error)}`, exitCodes.scriptException),
        );
      }
    }
    clearTimeout(timer);
    this.#stopped.signal.removeEventListener('abort', cut);
  }

  #setupData(): unknown {
    return this.#setupText === undefined ? undefined : JSON.parse(this.#setupText);
  }

  async #scenario(scenario: Scenario): Promise<void> {
    const host = this.#host;
    const progress = host.progress.get(scenario.name) as Progress;
    await this.#pause(scenario.startMs);
    if (!this.#stopped.signal.aborted) {
      progress.startTime = Date.now();
      progress.state = 'running';
      await execute(scenario, this.#crew(scenario, progress));
    }
    progress.state = 'done';
  }

  #pause(ms: number): Promise<void> {
    if (ms === 0) return Promise.resolve();
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, ms);
      this.#stopped.signal.addEventListener('abort', () => {
        clearTimeout(timer);
        resolve();
      });
    });
  }

  #crew(scenario: Scenario, progress: Progress): Crew {
    const host = this.#host;
    const tags = { ...host.options?.tags, ...scenario.tags, scenario: scenario.name };
    const env = { ...this.#settings.env, ...scenario.env };
    const dropped = host.metrics.get('dropped_iterations');
    return {
      stopped: this.#stopped.signal,
      take: async (count) => {
        const vus = this.#idle.splice(0, count);
        if (vus.length < count) vus.push(...(await this.#newVus(count - vus.length)));
        for (const vu of vus) {
          vu.assign(scenario.name, env, tags);
          vu.setupData ??= this.#setupData();
        }
        return vus;
      },
      give: (vus) => {
        this.#idle.push(...vus);
      },
      iterate: (vu) => this.#iterate(vu, scenario, progress),
      dropped: (count) => {
        host.counts.dropped += count;
        host.metrics.add(dropped, count, { ...tags, group: '' });
      },
      warn: (message) => host.log.write('warning', message),
      report: (read) => {
        progress.progress = () => (progress.state === 'done' ? 1 : read());
      },
    };
  }

  async #iterate(vu: VirtualUser, scenario: Scenario, progress: Progress): Promise<void> {
    const { counts, metrics, log } = this.#host;
    const body = vu.exports[scenario.exec] as (data: unknown) => unknown;
    vu.cookies.clear();
    vu.iteration++;
    vu.iterationsInScenario++;
    vu.iterationInTest = progress.iterationsStarted++;
    counts.active++;
    const startedAt = performance.now();
    const outcome = await vu.run(() => body(vu.setupData));
    counts.active--;
    if (this.#ended(outcome)) {
      counts.interrupted++;
      return;
    }
    // As in k6 an iteration that threw is a whole one: only thresholds notice.
    if (outcome.kind === 'failed') {
      const { error } = outcome;
      log.limited('error', String(error), `iteration in ${scenario.name}: ${stackOf(error)}`);
    }
    counts.completed++;
    metrics.add(metrics.get('iterations'), 1, vu.tags);
    metrics.add(metrics.get('iteration_duration'), outcome.endedAt - startedAt, vu.tags);
    if (this.#host.options?.noVUConnectionReuse) this.#connections.get(vu)?.close();
  }

  /** Cut, or ended by a call that ended the run. */
  #ended(outcome: Outcome): boolean {
    if (outcome.kind !== 'failed') return outcome.kind === 'cut';
    return outcome.error instanceof RunStopped || (outcome.error instanceof Refusal && this.#reason !== undefined);
  }

  // The end: verdicts, summary, exit code.

  #counts(): Counts {
    const { completed, interrupted, dropped } = this.#host.counts;
    return { completed, interrupted, dropped };
  }

  #summarize(): SummaryData {
    const host = this.#host;
    const elapsed = host.startedAt === 0 ? 0 : performance.now() - host.startedAt;
    const stats = host.options?.summaryTrendStats ?? [];
    const failing = host.startedAt === 0 ? [] : judge(this.#thresholds, elapsed, true);
    if (failing.length > 0) {
      const names = [...new Set(failing.map(({ name }) => name))].join(', ');
      this.#stop(new Refusal(`thresholds on ${names} failed`, exitCodes.thresholdsFailed));
    }
    const setup_data = this.#setupData();
    return {
      engine: ENGINE,
      root_group: host.checks.root,
      options: { summaryTrendStats: stats, summaryTimeUnit: '', noColor: true },
      state: {
        isStdOutTTY: process.stdout.isTTY === true,
        isStdErrTTY: process.stderr.isTTY === true,
        testRunDurationMs: elapsed,
        engine: ENGINE,
      },
      metrics: metricsSummary(host.metrics, this.#thresholds, stats, elapsed),
      ...(setup_data === undefined ? {} : { setup_data }),
    };
  }

  async #handleSummary(data: SummaryData): Promise<Record<string, string>> {
    const standard = { stdout: summaryText(data) };
    try {
      const vu = this.#newVu(0);
      const { handleSummary } = vu.exports;
      if (typeof handleSummary !== 'function') return standard;
      let returned: unknown;
      const outcome = await vu.run(async () => (returned = await handleSummary(structuredClone(data))));
      if (outcome.kind === 'failed') throw outcome.error;
      return Object.fromEntries(
        Object.entries((returned ?? {}) as object).map(([target, content]) => [target, String(content)]),
      );
    } catch (error) {
      this.#host.log.write('error', `handleSummary(): ${stackOf(error)}`);
      return standard;
    }
  }

  #result(data: SummaryData, outputs: Record<string, string>): Result {
    const reason =
      this.#reason ?? (this.#failed === undefined ? undefined : new Refusal(this.#failed, exitCodes.markedAsFailed));
    const { engine, root_group, metrics, state } = data;
    return {
      engine,
      exitCode: reason?.exitCode ?? 0,
      reason: reason?.message ?? '',
      metrics,
      root_group,
      options: this.#host.exportedOptions,
      state,
      ...('setup_data' in data ? { setup_data: data.setup_data } : {}),
      series: this.#host.metrics.series(),
      lag: this.#lag.read(),
      counts: this.#counts(),
      outputs,
    };
  }
}

/** A module as an import sees it: named exports, the same as default export, and what k6 has besides ends the run by name. */
function asModule(name: string, exports: object, host: Host): object {
  const module = Object.defineProperties({}, Object.getOwnPropertyDescriptors(exports));
  for (const other of lacking[name] ?? []) {
    Object.defineProperty(module, other, { get: () => refuse(host, lackingExport(name, other)) });
  }
  Object.defineProperty(module, 'default', { value: module });
  return Object.defineProperty(module, '__esModule', { value: true });
}

function consoleOf(host: Host): object {
  const at =
    (level: Level) =>
    (...values: unknown[]) =>
      host.log.write(level, values.map(written).join(' '));
  return { log: at('info'), info: at('info'), warn: at('warning'), error: at('error'), debug: at('debug') };
}

/** k6 writes objects as JSON. */
function written(value: unknown): string {
  if (value instanceof Error) return stackOf(value);
  if (typeof value !== 'object' || value === null) return String(value);
  return JSON.stringify(value) ?? String(value);
}

const stackOf = (error: unknown): string =>
  error instanceof Error && error.stack !== undefined ? error.stack : String(error);

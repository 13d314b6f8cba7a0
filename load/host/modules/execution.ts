import { type Host, RunStopped } from '../host.ts';
import { exitCodes, Refusal } from '../refusal.ts';
import type { VirtualUser } from '../vu.ts';

/** The module `k6/execution` of one VU. */
export function executionModule(host: Host, vu: VirtualUser) {
  const outsideInit = (what: string): void => {
    if (vu.initializing) throw new Error(`getting ${what} information in the init context is not supported`);
  };
  const scenario = () => {
    outsideInit('scenario');
    const progress = host.progress.get(vu.scenario);
    if (progress === undefined)
      throw new Error('getting scenario information outside of the VU context is not supported');
    return progress;
  };
  const metrics = { tags: vu.customTags, metadata: vu.metadata };
  return {
    vu: {
      get iterationInInstance() {
        return vu.iteration;
      },
      get iterationInScenario() {
        return vu.iterationsInScenario;
      },
      get idInInstance() {
        return vu.id;
      },
      get idInTest() {
        return vu.id;
      },
      tags: vu.customTags,
      metrics,
    },
    scenario: {
      get name() {
        return scenario().name;
      },
      get executor() {
        return scenario().executor;
      },
      get startTime() {
        return scenario().startTime;
      },
      get progress() {
        return scenario().progress();
      },
      get iterationInInstance() {
        scenario();
        return vu.iterationInTest;
      },
      get iterationInTest() {
        scenario();
        return vu.iterationInTest;
      },
    },
    instance: {
      get iterationsInterrupted() {
        return host.counts.interrupted;
      },
      get iterationsCompleted() {
        return host.counts.completed;
      },
      get vusActive() {
        return host.counts.active;
      },
      get vusInitialized() {
        return host.counts.initialized;
      },
      get currentTestRunDuration() {
        return host.startedAt === 0 ? 0 : performance.now() - host.startedAt;
      },
    },
    test: {
      abort(message?: string): never {
        const reason = new Refusal(`test aborted${message ? `: ${message}` : ''}`, exitCodes.abortedByScript);
        if (vu.initializing) throw reason;
        host.stop(reason);
        throw new RunStopped(reason.message);
      },
      fail(message = ''): void {
        host.markFailed(message);
      },
      get options() {
        outsideInit('test options');
        return host.exportedOptions;
      },
    },
  };
}

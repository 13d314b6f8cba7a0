/** Where a server bends: the highest rate at which calls are still right and in time. Pure. */

/** What came of one step of the rate. */
export interface Step {
  /** Calls a second that were to be made. */
  readonly rate: number;
  /** Calls a second that were made and ended. */
  readonly reached: number;
  /** Share of them that were right and within the budget. */
  readonly within: number;
  readonly p95_ms: number;
  readonly max_ms: number;
}

export interface Knee {
  /** The highest rate that held, and all below it; 0 when the first did not. */
  readonly rate: number;
  /** Why the next step did not hold; undefined when all held. */
  readonly limit: string | undefined;
}

/** Of the calls of a step so many must be made: arrivals at its edges belong to its neighbours. */
const REACHED = 0.95;

/** @param share of a step's calls that must be right and within the budget; 0.99 is "p(99) within it" */
export function kneeOf(steps: readonly Step[], share: number): Knee {
  let rate = 0;
  for (const step of steps) {
    const limit = limitOf(step, share);
    if (limit !== undefined) return { rate, limit };
    rate = step.rate;
  }
  return { rate, limit: undefined };
}

function limitOf(step: Step, share: number): string | undefined {
  if (step.within < share) {
    return `at ${step.rate}/s only ${percent(step.within)} of the calls were right and in time`;
  }
  if (step.reached < step.rate * REACHED) {
    return `at ${step.rate}/s the generator made ${step.reached.toFixed(0)}/s: it was the limit, not the server`;
  }
  return undefined;
}

/** A table of the steps and the verdict, for people. */
export function kneeText(steps: readonly Step[], share: number, budget_ms: number): string {
  if (steps.every(({ reached }) => reached === 0)) return 'No call was made: there is no knee to tell\n';
  const { rate, limit } = kneeOf(steps, share);
  const rows = steps.map((step) =>
    [
      `${step.rate}`.padStart(8),
      step.reached.toFixed(0).padStart(9),
      percent(step.within).padStart(10),
      step.p95_ms.toFixed(1).padStart(10),
      step.max_ms.toFixed(1).padStart(10),
    ].join(''),
  );
  const verdict =
    limit === undefined
      ? `All steps held; the knee is above ${rate} calls/s`
      : `The knee is at ${rate} calls/s: ${limit}`;
  return [
    `${'calls/s'.padStart(8)}${'made/s'.padStart(9)}${`<${budget_ms} ms`.padStart(10)}${'p95 ms'.padStart(10)}${'max ms'.padStart(10)}`,
    ...rows,
    verdict,
    '',
  ].join('\n');
}

function percent(share: number): string {
  return `${(share * 100).toFixed(2)}%`;
}

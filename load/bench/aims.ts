/** What is to be reached, and whether it was. */
export interface Aim {
  what: string;
  runtime: string;
  aim: string;
  measured: string;
  /** The same by CPU time, both under load at the same moment: what a disturbed machine disturbs least. */
  by_cpu?: number | undefined;
  reached: boolean;
}

export function atLeast(what: string, runtime: string, value: number, aim: number, by_cpu?: number): Aim {
  return { what, runtime, aim: `>= ${aim}`, measured: value.toFixed(2), by_cpu, reached: value >= aim };
}

export function atMost(what: string, runtime: string, value: number, aim: number, unit = ''): Aim {
  const told = unit && ` ${unit}`;
  return { what, runtime, aim: `<= ${aim}${told}`, measured: `${value.toFixed(2)}${told}`, reached: value <= aim };
}

/** What should have been measured and was not. @param why as it stands in the table of the measure */
export function notMeasured(what: string, runtime: string, why: string): Aim {
  return { what, runtime, aim: 'measured', measured: why, reached: false };
}

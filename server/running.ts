/** Calls that run: those whose handlers have not returned when their turn is over, by whose they are. */

export interface Running {
  readonly count: number;
  /** Of one caller. */
  of(caller: string): number;
  enter(caller: string): void;
  leave(caller: string): void;
  /** Resolves when none runs. */
  idle(): Promise<void>;
}

export function running(): Running {
  const byCaller = new Map<string, number>();
  let count = 0;
  let waiting: (() => void)[] = [];
  return {
    get count() {
      return count;
    },
    of: (caller) => byCaller.get(caller) ?? 0,
    enter(caller) {
      count++;
      byCaller.set(caller, (byCaller.get(caller) ?? 0) + 1);
    },
    leave(caller) {
      count--;
      const left = (byCaller.get(caller) ?? 1) - 1;
      if (left > 0) byCaller.set(caller, left);
      else byCaller.delete(caller);
      if (count > 0 || waiting.length === 0) return;
      const told = waiting;
      waiting = [];
      for (const tell of told) tell();
    },
    idle: () => (count === 0 ? Promise.resolve() : new Promise((resolve) => waiting.push(resolve))),
  };
}

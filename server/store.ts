/** The seam for what must outlive a request and, with a shared store, a process. */
export interface Store {
  /** Remembers until `until` (ms since the epoch) that a session ended. */
  end(key: string, until: number): void | Promise<void>;
  /** True when the session was ended. Asked at every request, so it answers at once where it can. */
  ended(key: string): boolean | Promise<boolean>;
}

/** In this process, bounded: past `bound` marks the oldest go. */
export function memoryStore(bound: number, now: () => number): Store & { readonly size: number } {
  const marks = new Map<string, number>();
  return {
    end(key, until) {
      marks.delete(key);
      marks.set(key, until);
      for (const [oldest, due] of marks) {
        if (marks.size <= bound && due > now()) break;
        marks.delete(oldest);
      }
    },
    ended: (key) => marks.size > 0 && marks.has(key),
    get size() {
      return marks.size;
    },
  };
}

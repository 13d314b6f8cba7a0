import type { VirtualUser } from '../vu.ts';

type Callback = (...args: unknown[]) => void;

/** The module `k6/timers` of one VU, also its global timers. A timer keeps its iteration going; an end of the iteration stops it. */
export function timersModule(vu: VirtualUser) {
  const stops = new Map<number, () => void>();
  let lastId = 0;

  const start = (callback: Callback, delay: number, args: unknown[], repeat: boolean): number => {
    if (vu.initializing) throw new Error('timers in the init context are not supported');
    if (typeof callback !== 'function') throw new TypeError('a timer needs a function');
    const id = ++lastId;
    const set = repeat ? setInterval : setTimeout;
    const handle = set(() => {
      if (!repeat) stop();
      try {
        callback(...args);
      } catch (error) {
        vu.fail(error);
      }
    }, delay || 0);
    const clear = (): void => {
      clearTimeout(handle);
      stops.delete(id);
    };
    const release = vu.hold(clear);
    const stop = (): void => {
      clear();
      release();
    };
    stops.set(id, stop);
    return id;
  };
  const clear = (id: number): void => stops.get(id)?.();

  return {
    setTimeout: (callback: Callback, delay: number, ...args: unknown[]) => start(callback, delay, args, false),
    clearTimeout: clear,
    setInterval: (callback: Callback, delay: number, ...args: unknown[]) => start(callback, delay, args, true),
    clearInterval: clear,
  };
}

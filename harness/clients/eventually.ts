import { setTimeout as sleep } from 'node:timers/promises';

/** Waits for what only a look can tell. @throws Error with what was seen last */
export async function eventually<T>(
  look: () => T | Promise<T>,
  wanted: (seen: T) => boolean,
  within_ms = 20_000,
): Promise<T> {
  const end = Date.now() + within_ms;
  for (;;) {
    const seen = await look();
    if (wanted(seen)) return seen;
    if (Date.now() > end) throw new Error(`after ${within_ms} ms it is still ${JSON.stringify(seen)}`);
    await sleep(25);
  }
}

/** How a stream that is being read fares for so long: `open`, or how it came to its end. */
export function fate(reading: Promise<unknown>, ms: number): Promise<string> {
  return Promise.race([
    sleep(ms, 'open'),
    reading.then(
      () => 'ended',
      (error: unknown) => `broken: ${error}`,
    ),
  ]);
}

/**
 * Tells the bench what the heap holds: on SIGUSR2 the garbage is collected and one line goes to standard output,
 * `memory {"heap_bytes":...,"rss_bytes":...}`. Imported by every target, so that all of them carry the same weight.
 */

const { Bun, gc } = globalThis as { Bun?: { gc(force: boolean): void }; gc?: () => void };

process.on('SIGUSR2', () => {
  // Twice: what the first pass finalizes the second can free.
  for (let pass = 0; pass < 2; pass++) {
    if (Bun) Bun.gc(true);
    else gc?.();
  }
  const { heapUsed, rss } = process.memoryUsage();
  console.log(`memory ${JSON.stringify({ heap_bytes: heapUsed, rss_bytes: rss })}`);
});

export {};

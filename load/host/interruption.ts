/** Ctrl-C while a script runs. */

import { exitCodes } from './refusal.ts';

/** Aborts at the first signal, so that the run ends with what there is; a second one does not wait for teardown and summary. */
export function interruption(): AbortSignal {
  const interrupt = new AbortController();
  const onSignal = (): void => {
    if (interrupt.signal.aborted) process.exit(exitCodes.signal);
    interrupt.abort();
  };
  process.on('SIGINT', onSignal);
  process.on('SIGTERM', onSignal);
  return interrupt.signal;
}

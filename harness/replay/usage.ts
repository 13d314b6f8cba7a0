/** The command line, as every command reads it. */

import { type ParseArgsConfig, parseArgs } from 'node:util';

/** The command line was wrong; the message says what was expected. Ends with exit code 2. */
export class Usage extends Error {}

/** `parseArgs` of node:util. @throws Usage */
export function parsedArgs<const T extends ParseArgsConfig>(config: T): ReturnType<typeof parseArgs<T>> {
  try {
    return parseArgs(config);
  } catch (error) {
    throw new Usage(error instanceof Error ? error.message : String(error));
  }
}

/** The command line was wrong; the message says what was expected. Ends with exit code 2. */
export class Usage extends Error {}

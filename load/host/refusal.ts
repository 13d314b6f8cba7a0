// Why a run does not start, or ends early, with the exit code that k6 gives to it (its exitcodes.go).

/** Exit codes, k6's own. A run that has none of these ends with 0. */
export const exitCodes = {
  thresholdsFailed: 99,
  setupTimeout: 100,
  teardownTimeout: 101,
  invalidConfig: 104,
  signal: 105,
  scriptException: 107,
  abortedByScript: 108,
  markedAsFailed: 110,
} as const;

export type ExitCode = 0 | (typeof exitCodes)[keyof typeof exitCodes];

/** The run stops with this message, shown as it is, and this exit code. */
export class Refusal extends Error {
  readonly exitCode: ExitCode;

  constructor(message: string, exitCode: ExitCode) {
    super(message);
    this.name = 'Refusal';
    this.exitCode = exitCode;
  }
}

/** An option or flag that is wrong or unknown (104). */
export const invalidConfig = (message: string): Refusal => new Refusal(message, exitCodes.invalidConfig);

/** Something that k6 has, or that nobody has, and the script host has not (107). `what` names it as the script writes it. */
export const missing = (what: string, hint = ''): Refusal =>
  new Refusal(`the script host does not have ${what}${hint ? `: ${hint}` : ''}`, exitCodes.scriptException);

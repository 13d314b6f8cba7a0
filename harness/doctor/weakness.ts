/** Whether a secret is one: long enough, by chance, and not one that everybody knows. */

/** Fewer bits are found by trying. */
const LEAST_BITS = 64;
/** What people write until they have a secret, and what examples have in its place. */
const PLACEHOLDER =
  /change.?me|place.?holder|your[-_ ]|replace|todo|fixme|example|sample|dummy|insert|<[^>]*>|\$\{[^}]*\}|\{\{.*\}\}|xxxx/i;
const WELL_KNOWN =
  /password|passw0rd|secret|letmein|admin|qwerty|welcome|development|testing|default|keyboard|hunter2|portable|1234|abcd|deadbeef/i;

/** @returns what is weak in it, without the secret; undefined where nothing is */
export function weaknessOf(secret: string): string | undefined {
  if (isPlaceholder(secret)) return 'is a placeholder';
  const bits = Math.floor(bitsOf(secret));
  if (bits < LEAST_BITS) return `has ${secret.length} characters worth about ${bits} bits`;
  // By chance such a word stands in one of a million long secrets.
  return WELL_KNOWN.test(secret) ? 'has a well-known word in it' : undefined;
}

/** @param value of any knob */
export function isPlaceholder(value: string): boolean {
  return PLACEHOLDER.test(value);
}

/** How many bits a secret can be worth at most: what its characters are worth by how often each is used, runs counted once. */
export function bitsOf(secret: string): number {
  const characters = [...secret];
  // "aaaa", "0123" and "9876" go on by themselves.
  const steps = characters.slice(1).map((one, at) => one.charCodeAt(0) - (characters[at] as string).charCodeAt(0));
  const told = characters.filter(
    (_, at) => at < 2 || steps[at - 1] !== steps[at - 2] || Math.abs(steps[at - 1] ?? 0) > 1,
  );
  // What is written twice is worth no more than once.
  const period = characters.findIndex(
    (_, at) =>
      at > 0 &&
      secret ===
        secret
          .slice(0, at)
          .repeat(Math.ceil(secret.length / at))
          .slice(0, secret.length),
  );
  const counted = period > 0 ? told.slice(0, period) : told;
  const uses = Map.groupBy(counted, (one) => one);
  let entropy = 0;
  for (const { length } of uses.values()) entropy -= (length / counted.length) * Math.log2(length / counted.length);
  return entropy * counted.length;
}

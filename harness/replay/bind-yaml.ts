/** Proposals as a bind file: what is sure as entries, the rest as comments, each with its reason. */

import type { Proposal } from './bind.ts';

/**
 * The text of a bind file.
 *
 * @param server as its head names it
 */
export function bindYaml(proposals: readonly Proposal[], server: string): string {
  const found = proposals.flatMap(({ name, does, guess }) => (guess ? [{ name, does, ...guess }] : []));
  const lines = ({ name, does, why, fixture }: (typeof found)[number]): [string, string] => {
    const members = Object.entries<unknown>(fixture).filter(
      ([key, value]) => key !== 'args' || Object.keys(value as object).length > 0,
    );
    return [comment(`${does}: ${why}`), `${name}: ${flow(Object.fromEntries(members))}`];
  };
  const sure = found.filter((one) => one.sure).map(lines);
  const hints = found.filter((one) => !one.sure).map(lines);
  const none = proposals.filter(({ guess }) => !guess);
  return [
    comment(`What the scenarios' fixtures are on ${server}, as proposed by mcp-replay bind.`),
    comment('Read each line before you use it: a run calls what is named here, with these arguments.'),
    ...sure.flatMap((entry) => ['', ...entry]),
    ...(hints.length > 0
      ? ['', comment('Perhaps; take the # away from an entry that does what it should and does no harm.')]
      : []),
    ...hints.flatMap(([why, entry]) => ['#', why, comment(entry)]),
    ...(none.length > 0 ? ['', comment('Not found; what needs one of these is untestable until you name it.')] : []),
    ...none.map(({ name, does }) => comment(`${name}: ${does}`)),
    '',
  ].join('\n');
}

/** On one line, whatever a server calls its tools. */
function comment(text: string): string {
  return `# ${text.replaceAll(UNPRINTABLE, ' ')}`;
}

/** A value in YAML's flow style, on one line: what needs no quotes has none. */
function flow(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(flow).join(', ')}]`;
  if (typeof value === 'string') return isPlain(value) ? value : quoted(value);
  if (typeof value !== 'object' || value === null) return JSON.stringify(value);
  const members = Object.entries(value).map(([key, one]) => `${isPlain(key) ? key : quoted(key)}: ${flow(one)}`);
  return members.length === 0 ? '{}' : `{ ${members.join(', ')} }`;
}

/** Everything that YAML takes for a line break, or refuses. */
const UNPRINTABLE = /[^\x20-\x7e\xa0-\u2027\u202a-\ud7ff\ue000-\ufefe\uff00-\ufffd\u{10000}-\u{10ffff}]/gu;

/** Neither punctuation of YAML nor a word that it takes for something else than text. */
function isPlain(text: string): boolean {
  return (
    /^[a-zA-Z][\w./-]*(?: [\w./-]+)*$/.test(text) && !/^(?:true|false|null|yes|no|on|off|y|n|inf|nan)$/i.test(text)
  );
}

function quoted(text: string): string {
  return JSON.stringify(text).replaceAll(UNPRINTABLE, (character) =>
    [...Array(character.length).keys()]
      .map((index) => `\\u${character.charCodeAt(index).toString(16).padStart(4, '0')}`)
      .join(''),
  );
}

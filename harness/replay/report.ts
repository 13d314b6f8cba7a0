/** Outcomes as text: for people, as TAP 14, as JUnit XML, as JSON. */

import type { Event, Outcome, Verdict } from './outcome.ts';

const MARKS: Record<Verdict, string> = {
  pass: 'ok',
  fail: 'FAIL',
  warn: 'warn',
  note: 'note',
  skip: 'skip',
  untestable: 'untestable',
  inconclusive: 'inconclusive',
  error: 'ERROR',
};

export function nameOf({ scenario, revision, case: given }: Outcome): string {
  const params = Object.entries(given).map(([name, value]) => `${name}=${brief(value)}`);
  return [scenario, `(${revision})`, ...params].join(' ');
}

function brief(value: unknown): string {
  const text = typeof value === 'string' ? value : JSON.stringify(value);
  return text.length > 40 ? `${text.slice(0, 37)}...` : text;
}

/** One line, and below it why it is no pass and what went over the wire. */
export function pretty(outcome: Outcome): string {
  const lines = [
    `${MARKS[outcome.verdict].padEnd(10)} ${nameOf(outcome)}${outcome.reason ? `: ${outcome.reason}` : ''}`,
  ];
  for (const { id, verdict, level, why } of outcome.checks.filter((check) => check.verdict !== 'pass')) {
    lines.push(`  ${MARKS[verdict]} ${id} (${level})`, ...why.map((reason) => `    ${reason}`));
  }
  if (outcome.verdict === 'fail' || outcome.verdict === 'error')
    lines.push('  on the wire:', ...outcome.transcript.slice(-12).map((event) => `    ${wireLine(event)}`));
  return lines.join('\n');
}

function wireLine({ t, what, exchange, ...detail }: Event): string {
  const text = JSON.stringify(detail);
  return `${t.toFixed(1).padStart(8)} ms  ${exchange} ${what.padEnd(7)} ${text.length > 300 ? `${text.slice(0, 297)}...` : text}`;
}

export function counted(outcomes: readonly Outcome[]): Record<Verdict, number> {
  const counts: Record<Verdict, number> = {
    pass: 0,
    fail: 0,
    warn: 0,
    note: 0,
    skip: 0,
    untestable: 0,
    inconclusive: 0,
    error: 0,
  };
  for (const { verdict } of outcomes) counts[verdict]++;
  return counts;
}

export function summary(outcomes: readonly Outcome[]): string {
  const checks = outcomes.reduce((sum, outcome) => sum + outcome.checks.length, 0);
  const told = Object.entries(counted(outcomes)).filter(([, count]) => count > 0);
  return `${told.map(([verdict, count]) => `${count} ${verdict}`).join(', ')}; ${checks} checks`;
}

export function tap(outcomes: readonly Outcome[]): string {
  const lines = ['TAP version 14', `1..${outcomes.length}`];
  for (const [index, outcome] of outcomes.entries()) {
    const { verdict, reason, checks } = outcome;
    const fails = verdict === 'fail' || verdict === 'error';
    const directive = verdict === 'skip' || verdict === 'untestable' ? ` # SKIP ${reason ?? verdict}` : '';
    lines.push(`${fails ? 'not ok' : 'ok'} ${index + 1} - ${nameOf(outcome).replaceAll('#', '\\#')}${directive}`);
    const why = checks.flatMap((check) => check.why);
    if (why.length > 0)
      lines.push('  ---', `  verdict: ${verdict}`, ...why.map((one) => `  - ${JSON.stringify(one)}`), '  ...');
  }
  return `${lines.join('\n')}\n`;
}

export function junit(outcomes: readonly Outcome[], target: string): string {
  const { fail, error, skip, untestable } = counted(outcomes);
  const cases = outcomes.map((outcome) => {
    const { verdict, reason, checks, ms, revision } = outcome;
    const head = `<testcase classname="${xml(`${target} ${revision}`)}" name="${xml(nameOf(outcome))}" time="${(ms / 1000).toFixed(3)}"`;
    const why = xml(checks.flatMap((check) => check.why.map((one) => `${check.id}: ${one}`)).join('\n'));
    if (verdict === 'fail') return `${head}><failure>${why}</failure></testcase>`;
    if (verdict === 'error') return `${head}><error>${why}</error></testcase>`;
    if (verdict === 'skip' || verdict === 'untestable')
      return `${head}><skipped message="${xml(reason ?? verdict)}"/></testcase>`;
    return why === '' ? `${head}/>` : `${head}><system-out>${verdict}: ${why}</system-out></testcase>`;
  });
  return `<?xml version="1.0" encoding="UTF-8"?>
<testsuite name="mcp-replay" tests="${outcomes.length}" failures="${fail}" errors="${error}" skipped="${skip + untestable}">
${cases.join('\n')}
</testsuite>
`;
}

function xml(text: string): string {
  return text
    .replaceAll('&', '&amp;')
    .replaceAll('<', '&lt;')
    .replaceAll('>', '&gt;')
    .replaceAll('"', '&quot;')
    .replaceAll(/[^\t\n\r\u0020-\uD7FF\uE000-\uFFFD]/g, '\uFFFD');
}

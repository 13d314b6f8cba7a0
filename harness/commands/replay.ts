/** `mcp-replay <url>`: replays scenarios against any MCP server over HTTP; `HELP` tells the options and the exit codes. */

import { runAll } from '../replay/all.ts';
import { judge, readBaseline, writeBaseline } from '../replay/baseline.ts';
import { propose } from '../replay/bind.ts';
import { ownBind } from '../replay/bundled.ts';
import { numberOf, revisionsOf, scenariosOf } from '../replay/choice.ts';
import { type Bind, type Facts, factsAt, has, nothingOf } from '../replay/facts.ts';
import type { Outcome, Verdict } from '../replay/outcome.ts';
import { readBind } from '../replay/read.ts';
import { REMOTE_OPTIONS, type RemoteValues, remoteOf } from '../replay/remote.ts';
import { outputOf } from '../replay/reports/output.ts';
import { knownRequirements } from '../replay/reports/requirements.ts';
import { counted } from '../replay/reports/results.ts';
import { versions } from '../replay/reports/versions.ts';
import { LEVELS, type Scenario } from '../replay/scenario.ts';
import type { Target } from '../replay/target.ts';
import { parsedArgs, Usage } from '../replay/usage.ts';

const FAILING: readonly Verdict[] = ['fail', 'warn', 'note'];

const HELP = `mcp-replay <url> [file or folder ...]: replays scenarios against any MCP server over HTTP

Other commands: record, diff, bind, coverage, show, html; each tells its options by --help.

  --url <url>                        the server, where only files are named
  --revision 2025-11-25,2026-07-28   default: all that the server speaks
  --only session.*                   scenarios by their ids
  --bind <file>                      which of the server's tools the scenarios' fixtures are
  --header "authorization: ..."      sent with every request; its value is in no output. Lines of a file: --headers <file>,
                                     or of the environment: MCP_REPLAY_HEADERS
  --token user=env:NAME              a bearer token by its role in scenarios, from the environment or (file:PATH) a file; a server
                                     that asks for tokens is given that of "user". Roles: user, other, refreshed, short,
                                     unscoped, broad, canonical, expired, early, audience, issuer
  --token-secret env:NAME            makes the tokens of all roles, signed by this secret (HS256), with --token-issuer <url>
                                     and --token-scope base="..." (needed by each request), fixtures="...", broad="..."
  --term calls=30                    what the operator grants to one caller: requests, initialize, calls (in a minute), ...
  --node b=<url>                     a further node of the same server
  --hook restart=<command>           what a scenario may have done to the server, by name
  --fail-on must|should|may          what makes the exit code 1; default must
  --expected <file>                  what is known to fail, and why: only what is not listed there makes the exit code 1
  --write-expected <file>            writes such a list of this run, and keeps the reasons that it already tells
  --slack 3                          windows of time as many times longer
  --timeout 10000                    ms that an answer may take at most; default 10,000, or as a scenario says
  --at-once 8                        scenarios side by side
  --reporter pretty,junit=out.xml    any of pretty, tap, junit, json, html, github, each with the file it writes; default
                                   pretty; --out <file> for the one that names none
  --transcript <file>                all that goes over the wire, as JSONL; mcp-replay show prints it
  --quiet                            says nothing of what passed
  --self                             this project's own server, in this process
  --list                             the scenarios, and nothing is run

Exit codes: 0 all is well, 1 a rule is broken, 2 usage or a bad file, 3 no server answers, 4 what is expected to fail passes,
5 nothing was really tested, 6 this machine was too late to tell, 7 an error of a scenario or of the harness.
`;

/** @param args as given on the command line @returns the exit code */
export async function replay(args: string[]): Promise<number> {
  const { values, positionals } = parsed(args);
  if (values.help) {
    process.stdout.write(HELP);
    return 0;
  }
  const paths = positionals.slice(values.self || values.list || values.url !== undefined ? 0 : 1);
  const scenarios = scenariosOf(paths, values.only);
  if (values.list) {
    for (const { id, level, revisions, title } of scenarios) console.log(`${id}  ${level}  ${revisions}  ${title}`);
    return 0;
  }
  const given = values.bind === undefined ? undefined : readBind(values.bind);
  const slack = numberOf('slack', values.slack ?? '1', 1);
  const timeout = values.timeout === undefined ? undefined : numberOf('timeout', values.timeout, 1);
  const atOnce = numberOf('at-once', values['at-once'] ?? '8', 1);
  const failOn = ['must', 'should', 'may'].indexOf(values['fail-on'] ?? 'must');
  if (failOn < 0) throw new Usage(`--fail-on must be must, should or may, got "${values['fail-on']}"`);
  // A broken list is told before the run, not after it.
  if (values.expected !== undefined) readBaseline(values.expected);
  const output = outputOf(values);

  const { parts, secrets, stop } = values.self ? await ownParts() : remotePart(values.url ?? positionals[0], values);
  try {
    return await tested();
  } finally {
    stop();
  }

  async function ownParts(): Promise<Tested> {
    const own = (await import('../own.ts')).ownParts();
    const parts = own.map(({ target, serves }) => ({ target, scenarios: scenarios.filter(serves) }));
    return {
      parts: parts.filter(({ scenarios: chosen }) => chosen.length > 0),
      secrets: [],
      stop: () => own.forEach((one) => void one.stop()),
    };
  }

  function remotePart(address: string | undefined, options: RemoteValues): Tested {
    const { target, secrets } = remoteOf(address, options);
    return { parts: [{ target, scenarios }], secrets, stop() {} };
  }

  async function tested(): Promise<number> {
    const revisions = revisionsOf(values.revision);
    const name = parts[0]?.target.name ?? '';
    const work: (Part & { spoken: Facts[] })[] = [];
    for (const { target, scenarios } of parts) {
      const asked = await factsAt(target, revisions, timeout);
      if (asked instanceof Error) {
        console.error(`${name} is no MCP server that answers: ${asked.message}`);
        return 3;
      }
      // What is asked for by name is tested even where the server says that it has it not.
      const spoken = revisions.flatMap(
        (revision, index) => asked[index] ?? (values.revision === undefined ? [] : nothingOf(revision)),
      );
      work.push({ target, scenarios, spoken });
    }
    if (work.every(({ spoken }) => spoken.length === 0)) {
      console.error(`${name} speaks none of ${revisions.join(', ')}`);
      return 5;
    }

    const head = {
      target: name,
      revisions: work[0]?.spoken.map(({ revision }) => revision) ?? [],
      started: new Date().toISOString(),
      versions: versions(),
    };
    output.begin(head);
    const interrupted = new AbortController();
    process.once('SIGINT', () => interrupted.abort());
    const outcomes: Outcome[] = [];
    for (const { target, scenarios, spoken } of work) {
      const ran = await runAll(scenarios, target, spoken, {
        bind: given ?? boundTo,
        slack,
        ...(timeout !== undefined && { timeout }),
        atOnce,
        secrets,
        signal: interrupted.signal,
        onOutcomes(ended, done, of) {
          for (const outcome of ended) output.outcome(outcome);
          if (process.stderr.isTTY) process.stderr.write(`\r\x1b[K${done} of ${of}`);
        },
      });
      outcomes.push(...ran);
    }
    if (process.stderr.isTTY) process.stderr.write('\r\x1b[K');
    output.end({
      ...head,
      outcomes,
      requirements: knownRequirements(),
      failOn: LEVELS[failOn] ?? 'MUST',
      interrupted: interrupted.signal.aborted,
    });

    if (values['write-expected'] !== undefined) writeBaseline(outcomes, values['write-expected']);
    const { pass, fail, warn, note, error, inconclusive } = counted(outcomes);
    if (values.expected !== undefined) {
      const { code, text } = judge(outcomes, values.expected, FAILING.slice(0, failOn + 1));
      if (text !== '') console.error(text.trimEnd());
      if (code !== 0) return code;
    } else if (fail > 0 || (failOn >= 1 && warn > 0) || (failOn >= 2 && note > 0)) return 1;
    if (error > 0) return 7;
    if (inconclusive > 0) return 6;
    return pass + warn + note === 0 ? 5 : 0;
  }
}

/** All that is tested, and what ends it. */
interface Tested {
  readonly parts: readonly Part[];
  readonly secrets: readonly string[];
  stop(): void;
}

/** A target, and the scenarios that are for it. */
interface Part {
  readonly target: Target;
  readonly scenarios: readonly Scenario[];
}

function parsed(args: string[]) {
  return parsedArgs({
    args,
    allowPositionals: true,
    options: {
      url: { type: 'string' },
      revision: { type: 'string' },
      only: { type: 'string' },
      bind: { type: 'string' },
      ...REMOTE_OPTIONS,
      timeout: { type: 'string' },
      'at-once': { type: 'string' },
      'fail-on': { type: 'string' },
      expected: { type: 'string' },
      'write-expected': { type: 'string' },
      slack: { type: 'string' },
      reporter: { type: 'string' },
      out: { type: 'string' },
      transcript: { type: 'string' },
      quiet: { type: 'boolean', default: false },
      self: { type: 'boolean', default: false },
      list: { type: 'boolean', default: false },
      help: { type: 'boolean', default: false },
    },
  });
}

/** The official names where the server has them, else what looks like them and does no harm. */
function boundTo(facts: Facts): Bind {
  const official = Object.entries(ownBind()).filter(([, fixture]) => has(facts, fixture));
  return { ...propose(facts), ...Object.fromEntries(official) };
}

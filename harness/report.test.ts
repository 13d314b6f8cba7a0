/** Reports of real runs: whole, escaped, and of one mind about what was found. */

import assert from 'node:assert/strict';
import { execFile, spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { parse } from 'yaml';
import { ownTarget } from './own.ts';
import { runAll } from './replay/all.ts';
import { factsOf } from './replay/facts.ts';
import { type Outcome, VERDICTS } from './replay/outcome.ts';
import { github, stepSummary } from './replay/reports/github.ts';
import { json } from './replay/reports/json.ts';
import { junit } from './replay/reports/junit.ts';
import { reportersOf } from './replay/reports/output.ts';
import { matrix } from './replay/reports/page/matrix.ts';
import { page } from './replay/reports/page/page.ts';
import { verdictsOf } from './replay/reports/page/verdicts.ts';
import { pretty } from './replay/reports/pretty.ts';
import { printable } from './replay/reports/printable.ts';
import { knownRequirements } from './replay/reports/requirements.ts';
import { checksOf, counted, findingsOf, isFinding, nameOf, type Results } from './replay/reports/results.ts';
import { tap } from './replay/reports/tap.ts';
import { headLine, outcomeLines, readTranscript } from './replay/reports/transcript.ts';
import { REVISIONS, scenarioSchema } from './replay/scenario.ts';
import { Usage } from './replay/usage.ts';

const RUN = fileURLToPath(new URL('./run.ts', import.meta.url));
/** What a server must not get into a page, a log of a terminal or a workflow command. */
const NASTY = `</pre><script>alert("x")</script> & 'q' \u001b[31m\u202e::error::100%, a: b\r\n| c |`;

const scenario = (id: string, level: string, more: object) =>
  scenarioSchema.parse({ id, title: `the title of ${id}`, revisions: '>=2025-11-25', level, ...more });
const ping = (expect: object) => ({ http: { post: { rpc: { method: 'ping' } } }, expect });
const SCENARIOS = [
  scenario('test.right', 'MUST', {
    steps: [{ use: 'ready' }, { http: { post: { rpc: { method: 'prompts/list' } } }, expect: { status: 200 } }],
  }),
  scenario('test.nasty', 'MUST', {
    requirement: 'B-03.1',
    revisions: '2025-11-25',
    params: { token: ['a, b: c', NASTY] },
    steps: [{ use: 'ready' }, ping({ rpc: { result: { said: 'hello' } } })],
  }),
  scenario('test.stream', 'MUST', {
    revisions: '2025-11-25',
    requirement: 'U-2025-05.1',
    steps: [
      { use: 'ready' },
      {
        open: {
          as: 's',
          post: {
            rpc: { method: 'tools/call', params: { name: 'test_tool_with_progress', _meta: { progressToken: 'p' } } },
          },
        },
        expect: { status: 200 },
      },
      {
        name: 'progress',
        on: 's',
        frames: [{ rpc: { params: { progress: 0 } } }, { rpc: { params: { progress: 51 } } }],
      },
    ],
  }),
  scenario('test.should', 'SHOULD', {
    steps: [{ use: 'ready' }, { http: { post: { rpc: { method: 'prompts/list' } } }, expect: { status: 201 } }],
  }),
  scenario('test.may', 'MAY', {
    steps: [{ use: 'ready' }, { http: { post: { rpc: { method: 'prompts/list' } } }, expect: { status: 201 } }],
  }),
  scenario('test.fault', 'MUST', {
    steps: [{ http: { post: { raw: '$'.concat('{no-such-variable}') } }, expect: { status: 200 } }],
  }),
  scenario('test.untestable', 'MUST', { requires: { fixtures: ['no-such-fixture'] }, steps: [{ use: 'ready' }] }),
  scenario('test.skip', 'MUST', { requires: { capabilities: ['no-such-capability'] }, steps: [{ use: 'ready' }] }),
];

/** The bodies that the server sent, in the order of its answers; without those for DELETE, by which the runner tidies up. */
const sent: { body: string }[] = [];
let outcomes: Outcome[] = [];
let results: Results;
const folder = mkdtempSync(join(tmpdir(), 'report-'));
after(() => rmSync(folder, { recursive: true }));

before(async () => {
  const { target, stop } = ownTarget((handler) => async (request) => {
    const isPing = (await request.clone().text()).includes('"ping"');
    const response = await handler(request);
    const text = async (body: string) => {
      if (request.method !== 'DELETE') sent.push({ body });
      return new Response(body === '' ? null : body, response);
    };
    if (isPing) {
      const { id } = (await response.json()) as { id: unknown };
      return text(JSON.stringify({ jsonrpc: '2.0', id, result: { said: NASTY } }));
    }
    if (!response.body || !response.headers.get('content-type')?.startsWith('text/event-stream'))
      return text(await response.text());
    const record = { body: '' };
    sent.push(record);
    const decoder = new TextDecoder();
    const told = new TransformStream<Uint8Array, Uint8Array>({
      transform(chunk, controller) {
        record.body += decoder.decode(chunk, { stream: true });
        controller.enqueue(chunk);
      },
    });
    return new Response(response.body.pipeThrough(told), response);
  });
  try {
    const facts = [await factsOf(target, '2025-11-25'), await factsOf(target, '2026-07-28')].filter(
      (one) => one !== undefined,
    );
    assert.equal(facts.length, 2);
    sent.length = 0;
    outcomes = await runAll(SCENARIOS, target, facts, { bind: {}, slack: 1, atOnce: 1 });
  } finally {
    stop();
  }
  results = {
    target: `http://127.0.0.1:1/mcp?${NASTY}`,
    outcomes,
    requirements: knownRequirements(),
    started: '2026-11-27T08:00:00.000Z',
    versions: { 'mcp-replay': '0.0.0' },
  };
  // Of this verdict no run can be had for the asking.
  const [late] = outcomes;
  if (late)
    outcomes.push({
      ...late,
      verdict: 'inconclusive',
      checks: late.checks.map((check) => ({ ...check, verdict: 'inconclusive' })),
    });
});

test('the runs have every verdict, so that each is reported', () => {
  assert.deepEqual([...new Set(outcomes.map(({ verdict }) => verdict))].sort(), [...VERDICTS].sort());
});

test('all reports agree on how many runs had which verdict', () => {
  const counts = counted(outcomes);
  const { fail, error, skip, untestable, inconclusive, pass } = counts;
  const told = VERDICTS.map((verdict) => `${counts[verdict]} ${verdict}`).join(', ');

  assert.ok(
    pretty({ colour: false, quiet: false })
      .end(results)
      .endsWith(`: ${told}; ${checksOf(outcomes)} checks\n`),
  );

  const lines = tap().end(results).split('\n');
  assert.equal(lines[1], `1..${outcomes.length}`);
  assert.equal(lines.filter((line) => line.startsWith('not ok ')).length, fail + error);
  assert.equal(lines.filter((line) => / # SKIP /.test(line)).length, skip + untestable + inconclusive);

  const xml = junit().end(results);
  const attributes = `tests="${outcomes.length}" failures="${fail}" errors="${error}" skipped="${skip + untestable + inconclusive}"`;
  assert.ok(xml.includes(attributes), xml.slice(0, 300));
  for (const [element, count] of [
    ['testcase', outcomes.length],
    ['failure', fail],
    ['error', error],
    ['skipped', skip + untestable + inconclusive],
  ] as const)
    assert.equal(xml.match(new RegExp(`<${element}[ >]`, 'g'))?.length, count, element);

  const document = JSON.parse(json().end(results)) as { counts: Record<string, number>; outcomes: Outcome[] };
  assert.deepEqual(document.counts, { runs: outcomes.length, checks: checksOf(outcomes), ...counts });
  assert.deepEqual(counted(document.outcomes), counts);

  const summary = stepSummary(results);
  for (const verdict of VERDICTS) assert.ok(summary.includes(`| ${verdict} | ${counts[verdict]} |`), verdict);

  const html = page(results);
  for (const verdict of VERDICTS)
    assert.match(
      html,
      new RegExp(`id="f-${verdict}" checked><span[^>]*><span[^>]*>[^<]*</span>${verdict} <b>${counts[verdict]}</b>`),
    );
  assert.ok(pass > 0);
});

test('--fail-on should makes a warning a failure in every report', () => {
  const strict: Results = { ...results, failOn: 'SHOULD' };
  const { fail, error, warn } = counted(outcomes);
  assert.ok(warn > 0);
  assert.equal(
    tap()
      .end(strict)
      .match(/^not ok /gm)?.length,
    fail + error + warn,
  );
  assert.ok(
    junit()
      .end(strict)
      .includes(`failures="${fail + warn}"`),
  );
  assert.match(github().end(strict), /^::error title=test\.should/m);
  assert.match(github().end(results), /^::warning title=test\.should/m);
});

test('TAP is one line a run, with its findings as YAML', () => {
  const text = tap().end(results);
  assert.match(text, /^TAP version 14\n/);
  const points = [...text.matchAll(/^(?:not )?ok (\d+) - (.*)$/gm)];
  assert.deepEqual(
    points.map(([, number]) => Number(number)),
    outcomes.map((_, index) => index + 1),
  );
  const blocks = [...text.matchAll(/^ {2}---\n([\s\S]*?)^ {2}\.\.\.$/gm)].map(
    ([, block = '']) => parse(block) as { verdict: string; checks: { id: string; why: string[] }[] },
  );
  const found = outcomes.filter(({ checks }) => checks.some(({ verdict }) => isFinding(verdict)));
  assert.deepEqual(
    blocks.map(({ verdict }) => verdict),
    found.map(({ verdict }) => verdict),
  );
  assert.deepEqual(
    blocks.map(({ checks }) => checks.flatMap(({ why }) => why)),
    found.map(({ checks }) => checks.filter(({ verdict }) => isFinding(verdict)).flatMap(({ why }) => why)),
  );
  assert.ok(!text.includes('\u001b'));
});

test('JUnit is well-formed, and holds what went over the wire', () => {
  const xml = junit().end(results);
  const declared = xml.replace(/^<\?xml .*\?>\n/, '');
  assert.deepEqual(unbalanced(declared), []);
  assert.ok(!xml.includes('<script'));
  // What XML cannot hold is not in it.
  assert.ok(!xml.includes('\u001b'));
  assert.match(xml, /&lt;script&gt;alert/);
});

test('GitHub gets one command for each check that was found wanting, in one line and escaped', () => {
  const lines = github().end(results).trimEnd().split('\n');
  const found = findingsOf(outcomes);
  assert.equal(lines.length, found.length);
  for (const [index, line] of lines.entries()) {
    const { check, runs } = found[index] as (typeof found)[number];
    const [, kind, title, text = ''] = /^::(error|warning|notice) title=([^:,\r\n]*)::([^\r\n]*)$/.exec(line) ?? [];
    assert.ok(kind !== undefined, line);
    const unescaped = (given = '') =>
      given
        .replaceAll('%2C', ',')
        .replaceAll('%3A', ':')
        .replaceAll('%0A', '\n')
        .replaceAll('%0D', '\r')
        .replaceAll('%25', '%');
    assert.equal(unescaped(title), `${check.id} (${[check.level, ...check.requirement].join(', ')})`);
    assert.ok(unescaped(text).includes(`in ${runs.length} run`), text);
    assert.equal(
      kind,
      { fail: 'error', error: 'error', warn: 'warning', inconclusive: 'warning' }[check.verdict as 'fail'] ?? 'notice',
    );
  }
  const [odd] = outcomes.filter(({ verdict }) => verdict === 'fail');
  const check = {
    id: 'x',
    level: 'MUST' as const,
    requirement: ['a:b,c%\r\n'],
    verdict: 'fail' as const,
    why: ['x:y,z\n'],
  };
  assert.equal(
    github().end({ target: 'x', outcomes: [{ ...(odd as Outcome), scenario: 's', case: {}, checks: [check] }] }),
    '::error title=x (MUST%2C a%3Ab%2Cc%25\\u000d%0A)::x:y,z%0A%0Ain 1 run:%0A- s (2025-11-25)\n',
  );
  assert.match(github().end(results), /100%25/);
  const table = stepSummary(results);
  for (const row of table.split('\n').filter((line) => line.startsWith('| fail | test')))
    assert.equal(row.match(/(?<!\\)\|/g)?.length, 8, row);
  assert.ok(!table.includes('<script'));
});

test('the page is well-formed, refers to nothing but itself, and runs one script only', () => {
  for (const html of [page(results), page({ target: 'x', outcomes }), page({ target: 'x', outcomes: [] })]) {
    assert.deepEqual(
      unbalanced(html.replace(/^<!doctype html>/, '').replace(/(<(style|script)>)[\s\S]*?(<\/\2>)/g, '$1$3')),
      [],
    );
    const ids = [...html.matchAll(/ id="([^"]*)"/g)].map(([, id]) => id);
    assert.equal(new Set(ids).size, ids.length, 'an id is there once');
    for (const [, target] of html.matchAll(/ href="([^"]*)"/g))
      assert.ok(ids.includes(target?.replace(/^#/, '')), target);
    assert.doesNotMatch(html, / src=|url\(|@import|<link|<iframe|<img/);
    const scripts = [...html.matchAll(/<script>([\s\S]*?)<\/script>/g)];
    assert.equal(html.match(/<script/gi)?.length, 1);
    const hash = createHash('sha256')
      .update(scripts[0]?.[1] ?? '')
      .digest('base64');
    assert.ok(html.includes(`script-src &#39;sha256-${hash}&#39;`));
    assert.match(html, /^<!doctype html>\n<html lang="en">/);
  }
});

test('the page shows what a server said as text, its control characters too', () => {
  const html = page(results);
  assert.ok(html.includes('&lt;script&gt;alert(\\&quot;x\\&quot;)&lt;/script&gt;'));
  assert.ok(!html.includes('\u001b') && !html.includes('\u202e'));
  assert.ok(html.includes('\\u202e'));
});

test('the page has each check, and each frame of each failure', () => {
  for (const html of [page(results), page({ target: 'x', outcomes })]) {
    for (const { id } of outcomes.flatMap(({ checks }) => checks)) assert.ok(html.includes(`>${id}<`), id);
    const failed = outcomes.filter(({ verdict }) => isFinding(verdict));
    assert.ok(failed.some(({ transcript }) => transcript.some(({ what }) => what === 'event')));
    for (const [index, outcome] of outcomes.entries()) {
      if (!isFinding(outcome.verdict)) continue;
      const [, own = ''] =
        new RegExp(`<details class="run" id="run-${index + 1}"([\\s\\S]*?)(?=<details class="run"|<section)`).exec(
          html,
        ) ?? [];
      const rows = own.match(/<tr class="m-(?!body)/g)?.length ?? 0;
      assert.equal(rows, outcome.transcript.filter(({ what }) => what !== 'chunk').length, nameOf(outcome));
      const text = textOf(own);
      for (const event of outcome.transcript) {
        if (event.what === 'chunk')
          assert.ok(compact(text).includes(compact(printable(event.text)).slice(0, 150)), nameOf(outcome));
        else assert.ok(text.includes(event.t.toFixed(1)), `${nameOf(outcome)} at ${event.t}`);
        if (event.what === 'event' && event.data !== '')
          assert.ok(compact(text).includes(compact(printable(event.data))), event.data);
        if (event.what === 'request') assert.ok(text.includes(event.method));
        if (event.what === 'answer') assert.ok(text.includes(String(event.status)));
      }
    }
  }
});

test('a long text is cut, with all of it in details', () => {
  const long = `{"long":"${'x'.repeat(500)}"}`;
  const [outcome] = outcomes.filter(({ scenario: id }) => id === 'test.nasty');
  assert.ok(outcome);
  const transcript: Outcome['transcript'] = [
    { t: 0, exchange: 1, what: 'request', method: 'POST', headers: {}, body: long },
    { t: 5000, exchange: 1, what: 'end', error: 'cut by the scenario' },
  ];
  const html = page({ target: 'x', outcomes: [{ ...outcome, transcript }] });
  assert.match(
    html,
    /<details class="more"><summary><code>[^<]{140,160}<\/code><\/summary><pre>\{\n {2}&quot;long&quot;: &quot;x{500}&quot;\n\}<\/pre>/,
  );
  assert.match(html, /class="gap".*5000 ms nothing came/);
  assert.match(html, /<b>cut<\/b> cut by the scenario/);
});

test('rules are judged by their checks, in the revisions that they are of', () => {
  const row = (id: string, more: object = {}) => ({
    id,
    level: 'MUST' as const,
    where: 'basic#x',
    text: `rule ${id}`,
    checks: [] as string[],
    ...more,
  });
  const requirements = [
    {
      revision: '2025-11-25' as const,
      requirements: [
        row('B-03.1'),
        row('H-2025-01', { checks: ['test.right'] }),
        row('H-2025-02', { reason: 'nobody sees it' }),
        row('S-2025-01', { checks: ['test.untestable'] }),
      ],
    },
    {
      revision: '2026-07-28' as const,
      requirements: [
        row('H-2026-01', { checks: ['test.nasty', 'test.gone'] }),
        row('H-2026-02', { checks: ['test.should'] }),
      ],
    },
  ];
  const judged = new Map(
    verdictsOf({ target: 'x', outcomes, requirements }).rules.map((one) => [one.row.id, one.verdict]),
  );
  assert.deepEqual(Object.fromEntries(judged), {
    'B-03.1': 'fail',
    'H-2025-01': 'inconclusive',
    'H-2025-02': 'unseen',
    'S-2025-01': 'untestable',
    // What failed at another revision is no fault at this.
    'H-2026-01': 'unseen',
    'H-2026-02': 'warn',
  });
  const html = page({ target: 'x', outcomes, requirements });
  for (const title of ['Messages', 'POST', 'Sessions and the version header', 'HTTP'])
    assert.ok(html.includes(`<h3>${title} <`), title);
  assert.ok(html.includes('nobody sees it'));
  assert.ok(html.indexOf('>Messages <') < html.indexOf('>HTTP <'));
});

test('a matrix has a row for each check, and each failure is linked to its reasons', () => {
  const good = outcomes.filter(({ verdict }) => verdict === 'pass');
  const html = matrix([results, { target: 'the other', outcomes: good }]);
  assert.deepEqual(
    unbalanced(html.replace(/^<!doctype html>/, '').replace(/(<(style|script)>)[\s\S]*?(<\/\2>)/g, '$1$3')),
    [],
  );
  const ids = new Set([...html.matchAll(/ id="([^"]*)"/g)].map(([, id]) => id));
  const links = [...html.matchAll(/ href="#([^"]*)"/g)].map(([, id]) => id);
  for (const link of links) assert.ok(ids.has(link), link);
  for (const { check } of findingsOf(outcomes)) {
    const [row] =
      new RegExp(`<tr data-v="[a-z]+"><th scope="row"><code>${check.id.replaceAll('.', '\\.')}</code>.*?</tr>`).exec(
        html,
      ) ?? [];
    assert.ok(row, check.id);
    assert.match(row, new RegExp(`<a href="#why-1-[^"]*"><span class="badge v-${check.verdict}"`));
    assert.ok(!row.includes('#why-2-'));
  }
  for (const why of findingsOf(outcomes).flatMap(({ check }) => check.why))
    assert.ok(textOf(html).includes(printable(why)), why);
  assert.equal(html.match(/<script/gi)?.length, 1);
});

test('pretty tells what is wrong and why, with the end of what went over the wire; quiet, nothing of what passed', () => {
  const plainly = pretty({ colour: false, quiet: false });
  const quietly = pretty({ colour: false, quiet: true });
  for (const outcome of outcomes) {
    const text = plainly.outcome?.(outcome) ?? '';
    assert.ok(!text.includes('\u001b'), 'no escape sequence, be it a server\u2019s');
    if (!isFinding(outcome.verdict)) {
      assert.equal(text.split('\n').length, 2, text);
      assert.equal(quietly.outcome?.(outcome), '');
      continue;
    }
    assert.equal(quietly.outcome?.(outcome), text);
    for (const { id, level, requirement, why } of outcome.checks.filter(({ verdict }) => isFinding(verdict))) {
      assert.ok(text.includes(`${id} (${[level, ...requirement].join(', ')})`), text);
      assert.equal(text.split('\n').filter((line) => line.startsWith('    ')).length >= why.length, true);
    }
    if (outcome.verdict === 'fail') assert.match(text, /on the wire[\s\S]*#\d+ +[>|<x] /);
  }
  const coloured = pretty({ colour: true, quiet: false });
  const failed = outcomes.find(({ verdict }) => verdict === 'fail') as Outcome;
  assert.ok(coloured.outcome?.(failed).startsWith('\u001b[31;1mFAIL'));
});

test('the JSONL transcript holds every run, every event and every byte, and is read again', () => {
  const file = join(folder, 'run.jsonl');
  const ran = outcomes.slice(0, -1);
  const head = {
    target: 'x',
    revisions: [...REVISIONS],
    started: '2026-11-27T08:00:00.000Z',
    versions: { node: '24' },
  };
  const text = [headLine(head), ...ran.map(outcomeLines)].join('');
  const lines = text
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line) as Record<string, unknown>);
  assert.deepEqual(lines[0], { kind: 'run', ...head });
  assert.equal(lines.filter(({ kind }) => kind === 'outcome').length, ran.length);
  for (const line of lines.filter(({ kind }) => kind === 'event'))
    for (const name of ['scenario', 'case', 'revision', 't', 'exchange', 'what']) assert.ok(name in line, name);

  // Runs went one after the other, so that the exchanges come in the order of the answers.
  const bodies = ran.flatMap(({ transcript }) => {
    const exchanges = [...new Set(transcript.map(({ exchange }) => exchange))];
    return exchanges.map((exchange) =>
      transcript
        .flatMap((event) => (event.what === 'chunk' && event.exchange === exchange ? [event.text] : []))
        .join(''),
    );
  });
  assert.deepEqual(
    bodies,
    sent.map(({ body }) => body),
  );
  assert.ok(bodies.some((body) => body.startsWith('id: ') || body.includes('\ndata: ')));

  writeFileSync(file, `${text}{"kind":"event","scen`);
  assert.deepEqual(readTranscript(file), { head, outcomes: JSON.parse(JSON.stringify(ran)) });
});

test('a broken transcript or result is told with its file and line', async () => {
  const broken = join(folder, 'broken.jsonl');
  writeFileSync(broken, `${headLine({ target: 'x', revisions: [], started: '', versions: {} })}{"kind":"outcome"}\n`);
  assert.throws(() => readTranscript(broken), /broken\.jsonl:2: scenario: /);
  writeFileSync(broken, 'text\n');
  assert.throws(() => readTranscript(broken), /broken\.jsonl:1: a line of a transcript must be a JSON object/);
  const { code, stderr } = await started('html', broken);
  assert.equal(code, 2);
  assert.match(stderr, /broken\.jsonl:1: /);
  assert.equal((await started('show')).code, 2);
});

test('--reporter takes several, of which one writes to the standard output', () => {
  const of = (text: string, out?: string) =>
    reportersOf(text, out).map(({ name, file }) => (file === undefined ? name : `${name}=${file}`));
  assert.deepEqual(of('pretty,junit=out.xml,html=report.html,github'), [
    'pretty',
    'junit=out.xml',
    'html=report.html',
    'github',
  ]);
  assert.deepEqual(of('junit', 'out.xml'), ['junit=out.xml']);
  assert.deepEqual(of('github,tap', 'out.tap'), ['github', 'tap=out.tap']);
  for (const [given, out, message] of [
    ['pretty,tap', undefined, /only one reporter can write to the standard output: give "tap" a file/],
    ['dot', undefined, /--reporter must be any of pretty, tap, junit, json, github, html, got "dot"/],
    ['junit=', undefined, /must name a file/],
    ['junit=a.xml', 'b.xml', /--out is for a reporter that names no file/],
    ['junit=a,tap=a', undefined, /two reporters cannot both write "a"/],
    ['', undefined, /got ""/],
    ['toString', undefined, /got "toString"/],
  ] as const)
    assert.throws(
      () => reportersOf(given, out),
      (error) => error instanceof Usage && message.test(error.message),
      given,
    );
});

test('one run writes every report; the commands show them again', async () => {
  const at = (name: string) => join(folder, name);
  const file = at('scenario.json');
  writeFileSync(
    file,
    JSON.stringify({
      id: 'test.command',
      title: 'a title',
      revisions: '>=2025-11-25',
      level: 'MUST',
      steps: [{ use: 'ready' }, { http: { post: { rpc: { method: 'prompts/list' } } }, expect: { status: 201 } }],
    }),
  );
  const summary = at('summary.md');
  const { code, stdout, stderr } = await started(
    '--self',
    file,
    '--reporter',
    ['pretty', ...['tap', 'junit', 'json', 'html'].map((name) => `${name}=${at(`out.${name}`)}`), 'github'].join(','),
    '--transcript',
    at('out.jsonl'),
    { GITHUB_STEP_SUMMARY: summary },
  );
  assert.equal(code, 1, stderr);
  assert.match(stdout, /^FAIL {7}test\.command \(2025-11-25\)\n {2}FAIL test\.command \(MUST\)\n/m);
  assert.match(stdout, /in process: 2 fail; \d+ checks\n$/);
  assert.match(stderr, /^::error title=test\.command /m);
  assert.match(readFileSync(summary, 'utf8'), /\| fail \| 2 \|/);
  assert.match(readFileSync(at('out.tap'), 'utf8'), /^TAP version 14\n1\.\.2\nnot ok 1/);
  assert.match(readFileSync(at('out.junit'), 'utf8'), /tests="2" failures="2"/);
  assert.match(readFileSync(at('out.html'), 'utf8'), /Fails 1 check of what a server MUST do/);

  const shown = await started('show', at('out.jsonl'), '--scenario', 'test.*', '--revision', '2025-11-25');
  assert.equal(shown.code, 0, shown.stderr);
  assert.match(shown.stdout, /test\.command \(2025-11-25\): fail\n[\s\S]*#1 +> POST[\s\S]*#1 +< 200/);
  assert.ok(!shown.stdout.includes('(2026-07-28)'));
  assert.equal((await started('show', at('out.jsonl'), '--scenario', 'other.*')).code, 1);

  const single = await started('html', at('out.json'));
  assert.equal(single.code, 0, single.stderr);
  assert.match(single.stdout, /<h1>in process<\/h1>/);
  const several = await started('html', at('out.json'), `another=${at('out.json')}`, '--out', at('matrix.html'));
  assert.equal(several.code, 0, several.stderr);
  assert.match(readFileSync(at('matrix.html'), 'utf8'), /<h1>2 targets<\/h1>[\s\S]*<h2>another<\/h2>/);
});

test('a reader that goes away, as head does, ends neither the run nor its files', async () => {
  const file = join(folder, 'head.xml');
  const child = spawn(
    process.execPath,
    [RUN, '--self', '--only', 'lifecycle.*', '--reporter', `pretty,junit=${file}`],
    {
      stdio: ['ignore', 'pipe', 'pipe'],
    },
  );
  let errors = '';
  child.stderr.on('data', (chunk) => {
    errors += chunk;
  });
  child.stdout.once('data', () => child.stdout.destroy());
  const [code] = (await once(child, 'close')) as [number | null];
  assert.equal(code, 0, errors);
  assert.deepEqual(unbalanced(readFileSync(file, 'utf8').replace(/^<\?xml .*\?>\n/, '')), []);
});

function started(
  ...given: (string | Record<string, string>)[]
): Promise<{ code: number | null; stdout: string; stderr: string }> {
  const args = given.filter((one) => typeof one === 'string');
  const env = Object.assign(
    { ...process.env, GITHUB_STEP_SUMMARY: '' },
    ...given.filter((one) => typeof one !== 'string'),
  );
  return new Promise((resolve) => {
    const child = execFile(
      process.execPath,
      [RUN, ...args],
      { env, timeout: 60_000, maxBuffer: 64 * 1024 * 1024 },
      (_error, stdout, stderr) => resolve({ code: child.exitCode, stdout, stderr }),
    );
  });
}

/** Elements that are not closed, or closed without being open. */
function unbalanced(markup: string): string[] {
  const wrong: string[] = [];
  const open: string[] = [];
  for (const [tag, close, name = '', end] of markup.matchAll(/<(\/?)([A-Za-z][\w-]*)(?:\s[^<>]*?)?(\/?)>/g)) {
    if (end === '/' || ['meta', 'input', 'br', 'link'].includes(name)) continue;
    if (close === '') open.push(name);
    else if (open.pop() !== name) wrong.push(tag);
  }
  if (/<(?![/A-Za-z])/.test(markup)) wrong.push('<');
  return [...wrong, ...open];
}

/** What a reader sees of markup. */
function textOf(markup: string): string {
  return markup
    .replaceAll(/<[^>]*>/g, '')
    .replaceAll('&lt;', '<')
    .replaceAll('&gt;', '>')
    .replaceAll('&quot;', '"')
    .replaceAll('&#39;', "'")
    .replaceAll('&amp;', '&');
}

/** JSON is shown in lines. */
function compact(text: string): string {
  return text.replaceAll(/\s+/g, '');
}

/** The accounts of numbered calls, listeners and heartbeats: each kind of wrong is counted as that kind. */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { beatsDue, heardOf, holdFor, Ledger, meaninglessSigns } from './accounting.ts';
import { readStream } from './sse.ts';

const progress = (token: string, number: number) =>
  JSON.stringify({
    jsonrpc: '2.0',
    method: 'notifications/progress',
    params: { progressToken: token, progress: number },
  });
const answer = (id: string) => JSON.stringify({ jsonrpc: '2.0', id, result: { content: [] } });

function accountOf(...events: string[]) {
  const ledger = new Ledger('1-1', 3);
  for (const data of events) ledger.take(data);
  return ledger.account();
}

test('each number and the answer, once, is right', () => {
  const all = [progress('1-1', 1), progress('1-1', 2), progress('1-1', 3), answer('1-1')];
  assert.deepEqual(accountOf(...all), { seen: 4, lost: 0, repeated: 0, foreign: 0, disordered: 0 });
});

test('a number that never came is lost, at the start, in the middle and at the end', () => {
  for (const missing of [1, 2, 3]) {
    const all = [1, 2, 3].filter((number) => number !== missing).map((number) => progress('1-1', number));
    assert.equal(accountOf(...all, answer('1-1')).lost, 1, `${missing}`);
  }
});

test('an answer that never came is lost', () => {
  assert.equal(accountOf(progress('1-1', 1), progress('1-1', 2), progress('1-1', 3)).lost, 1);
});

test('a number that came late is out of order, not lost, and not repeated', () => {
  const all = [progress('1-1', 2), progress('1-1', 1), progress('1-1', 3), answer('1-1')];
  assert.deepEqual(accountOf(...all), { seen: 4, lost: 0, repeated: 0, foreign: 0, disordered: 1 });
});

test('progress after the answer is out of order', () => {
  const all = [progress('1-1', 1), progress('1-1', 2), answer('1-1'), progress('1-1', 3)];
  assert.deepEqual(accountOf(...all), { seen: 4, lost: 0, repeated: 0, foreign: 0, disordered: 1 });
});

test('a number that the call does not have is foreign, and fills no gap', () => {
  for (const number of [0, -1, 4, 1.5, 1003, Number.NaN]) {
    const all = [progress('1-1', 1), progress('1-1', 2), progress('1-1', number), answer('1-1')];
    assert.deepEqual(accountOf(...all), { seen: 3, lost: 1, repeated: 0, foreign: 1, disordered: 0 }, `${number}`);
  }
});

test('an answer that is an error, or says that the tool failed, is the end and not what was due', () => {
  const numbers = [1, 2, 3].map((number) => progress('1-1', number));
  for (const wrong of [{ error: { code: -32603, message: 'No' } }, { result: { isError: true } }, { result: null }]) {
    const ledger = new Ledger('1-1', 3);
    for (const data of [...numbers, JSON.stringify({ jsonrpc: '2.0', id: '1-1', ...wrong })]) ledger.take(data);
    assert.equal(ledger.answered, true);
    assert.deepEqual(ledger.account(), { seen: 3, lost: 1, repeated: 0, foreign: 0, disordered: 0 });
  }
});

test('of a call whose numbers are not known only the answer counts', () => {
  const ledger = new Ledger('1-1', 0);
  for (const data of [progress('1-1', 0), progress('1-1', 50), progress('1-1', 100), answer('1-1')]) ledger.take(data);
  assert.deepEqual(ledger.account(), { seen: 1, lost: 0, repeated: 0, foreign: 0, disordered: 0 });
});

test('progress without parameters is foreign', () => {
  assert.equal(accountOf('{"jsonrpc":"2.0","method":"notifications/progress","params":null}').foreign, 1);
});

test('what says nothing of MCP is a sign of life: comments, and events that are no message', () => {
  const stream = readStream(': \n\nevent: ping\ndata: {}\n\ndata: {"jsonrpc":"2.0","method":"x"}\n\nid: 7\ndata:\n\n');
  assert.equal(meaninglessSigns(stream), 2);
});

test('what comes again is repeated, the answer too', () => {
  const all = [progress('1-1', 1), progress('1-1', 1), progress('1-1', 2), progress('1-1', 3)];
  assert.deepEqual(accountOf(...all, answer('1-1'), answer('1-1')), {
    seen: 4,
    lost: 0,
    repeated: 2,
    foreign: 0,
    disordered: 0,
  });
});

test('what belongs to another call is foreign, and fills no gap', () => {
  const all = [progress('1-1', 1), progress('2-1', 2), progress('1-1', 3), answer('2-1'), answer('1-1')];
  assert.deepEqual(accountOf(...all), { seen: 3, lost: 1, repeated: 0, foreign: 2, disordered: 0 });
});

test('priming events, other notifications and what is no JSON are none of the account', () => {
  const ledger = new Ledger('1-1', 0);
  for (const data of ['', '{"jsonrpc":"2.0","method":"notifications/message"}', 'nonsense']) ledger.take(data);
  assert.equal(ledger.begun, false);
  assert.deepEqual(ledger.account(), { seen: 0, lost: 1, repeated: 0, foreign: 0, disordered: 0 });
});

test('a call begins with its first number and ends with its answer', () => {
  const ledger = new Ledger('1-1', 3);
  ledger.take(progress('1-1', 1));
  assert.deepEqual([ledger.begun, ledger.answered], [true, false]);
  ledger.take(answer('1-1'));
  assert.equal(ledger.answered, true);
});

test('a server that beats on time is never short, whenever the stream was opened and however long it lives', () => {
  const [period, late] = [500, 250];
  for (let phase = 0; phase < period; phase += 7) {
    for (let life = 0; life < 6000; life += 13) {
      // Beats come at period - phase, and every period after it, each as late as it may be.
      const beats = Math.max(0, Math.floor((life + phase - late) / period));
      assert.ok(beats >= beatsDue(life, period, late), `phase ${phase}, life ${life}`);
    }
  }
});

test('one missing heartbeat shows in some streams when they are held as long as holdFor says', () => {
  const [period, late] = [500, 250];
  const life = holdFor(5000, period, late);
  let shown = 0;
  for (let phase = 0; phase < period; phase++) {
    const beats = Math.floor((life + phase) / period) - 1;
    if (beats < beatsDue(life, period, late)) shown++;
  }
  assert.ok(shown / period > 0.3, `${shown} of ${period}`);
});

test('without a period nothing is due', () => {
  assert.equal(beatsDue(60_000, 0, 250), 0);
  assert.equal(holdFor(60_000, 0, 250), 60_000);
});

const heard = (method: string, id: string) =>
  JSON.stringify({ jsonrpc: '2.0', method, params: { _meta: { 'io.modelcontextprotocol/subscriptionId': id } } });
const CHANGED = 'notifications/tools/list_changed';
const ACK = heard('notifications/subscriptions/acknowledged', 'a');

test('a listener hears its acknowledgement and each change', () => {
  const said = [ACK, heard(CHANGED, 'a'), heard(CHANGED, 'a')];
  assert.deepEqual(heardOf('a', said, CHANGED, 2, false), {
    acknowledged: true,
    seen: 2,
    lost: 0,
    repeated: 0,
    foreign: 0,
  });
});

test('too few are lost, too many repeated, those of another subscription foreign', () => {
  assert.equal(heardOf('a', [ACK, heard(CHANGED, 'a')], CHANGED, 2, false).lost, 1);
  assert.equal(heardOf('a', [ACK, heard(CHANGED, 'a')], CHANGED, 0, false).repeated, 1);
  const { foreign, lost } = heardOf('a', [ACK, heard(CHANGED, 'b')], CHANGED, 1, false);
  assert.deepEqual([foreign, lost], [1, 1]);
});

test('where the server may tell several as one, one is enough and none is not', () => {
  assert.equal(heardOf('a', [ACK, heard(CHANGED, 'a')], CHANGED, 5, true).lost, 0);
  assert.equal(heardOf('a', [ACK], CHANGED, 5, true).lost, 1);
});

test('a listener that was not acknowledged says so', () => {
  assert.equal(heardOf('a', [heard(CHANGED, 'a')], CHANGED, 1, false).acknowledged, false);
});

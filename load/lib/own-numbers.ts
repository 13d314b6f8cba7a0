/** What the target tells of itself: read before a run, while it runs, and when it is over. */

import http from 'k6/http';
import type { Endpoint } from './config.ts';
import {
  descriptorsAfter,
  numbersAfter,
  numbersRead,
  serverCpu,
  serverMemory,
  serverSessions,
  serverStreams,
  sessionsAfter,
  streamsAfter,
} from './metrics.ts';
import { sumOf } from './prometheus.ts';
import { say } from './say.ts';
import { pause } from './time.ts';

/** What a target does not tell is undefined. */
export interface Reading {
  readonly sessions?: number | undefined;
  readonly streams?: number | undefined;
  /** Bytes. */
  readonly memory?: number | undefined;
  /** Seconds of CPU time since its start. */
  readonly cpu?: number | undefined;
  readonly descriptors?: number | undefined;
}

/** @returns undefined when there is nowhere to read, or nothing came */
export async function readNumbersOf({ numbers, timeout_ms }: Endpoint): Promise<Reading | undefined> {
  if (numbers === undefined) return undefined;
  const response = await http.asyncRequest('GET', numbers.url, null, {
    headers: numbers.token === '' ? {} : { Authorization: `Bearer ${numbers.token}` },
    tags: { name: 'metrics' },
    timeout: `${timeout_ms}ms`,
    responseType: 'text',
  });
  const text = response.body ?? '';
  const reading = {
    sessions: sumOf(numbers.sessions, text),
    streams: sumOf(numbers.streams, text),
    memory: numbers.memory === undefined ? undefined : sumOf(numbers.memory, text),
    cpu: sumOf(numbers.cpu, text),
    descriptors: sumOf(numbers.descriptors, text),
  };
  if (response.status !== 200 || Object.values(reading).every((value) => value === undefined)) return undefined;
  numbersRead.add(1);
  return reading;
}

/**
 * Reads the target's numbers again and again while others load it.
 *
 * @param over asked before each reading
 * @param onReading told of each, with the time when it was asked for (Unix time, ms)
 */
export async function observe(
  endpoint: Endpoint,
  every_ms: number,
  over: () => boolean,
  onReading: (reading: Reading, asked: number) => void = () => {},
): Promise<void> {
  if (endpoint.numbers === undefined || every_ms <= 0) return;
  let before: { cpu: number; at: number } | undefined;
  while (!over()) {
    const asked = Date.now();
    const reading = await readNumbersOf(endpoint);
    const at = Date.now();
    if (reading !== undefined) {
      const { cpu, memory, sessions, streams } = reading;
      if (memory !== undefined) serverMemory.add(memory);
      if (sessions !== undefined) serverSessions.add(sessions);
      if (streams !== undefined) serverStreams.add(streams);
      if (cpu !== undefined && before !== undefined && at > before.at)
        serverCpu.add((1000 * (cpu - before.cpu)) / (at - before.at));
      before = cpu === undefined ? undefined : { cpu, at };
      onReading(reading, asked);
    }
    await pause(asked + every_ms - Date.now());
  }
}

/** How long the target has to forget what is over, and how often it is asked, ms. */
const FORGET_MS = 15_000;
const AGAIN_MS = 250;

/** For `teardown`: waits until sessions and streams are as before the run, and says what is left of them. */
export async function readAfter(endpoint: Endpoint, before: Reading | undefined): Promise<void> {
  if (before === undefined) return;
  const started = Date.now();
  let now = await readNumbersOf(endpoint);
  while (left(now, before) && Date.now() - started < FORGET_MS) {
    await pause(AGAIN_MS);
    now = await readNumbersOf(endpoint);
  }
  if (!tellsAllOf(before, now)) {
    say('The target does not tell its numbers any more, or not all that it told before');
    return;
  }
  numbersAfter.add(1);
  if (now.sessions !== undefined) sessionsAfter.add(now.sessions - (before.sessions ?? 0));
  if (now.streams !== undefined) streamsAfter.add(now.streams - (before.streams ?? 0));
  if (now.descriptors !== undefined) descriptorsAfter.add(now.descriptors - (before.descriptors ?? 0));
}

function tellsAllOf(before: Reading, now: Reading | undefined): now is Reading {
  return (
    now !== undefined &&
    (Object.keys(before) as (keyof Reading)[]).every((name) => before[name] === undefined || now[name] !== undefined)
  );
}

function left(now: Reading | undefined, before: Reading): boolean {
  // One reading that failed says nothing: it is asked again.
  if (!tellsAllOf(before, now)) return true;
  return (now.sessions ?? 0) > (before.sessions ?? 0) || (now.streams ?? 0) > (before.streams ?? 0);
}

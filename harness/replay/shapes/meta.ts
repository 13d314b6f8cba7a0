/** `_meta`, wherever it stands. */

import { isRecord, show } from '../match.ts';
import { META } from '../protocol.ts';
import type { Heard } from './heard.ts';

const LABEL = '[A-Za-z](?:[A-Za-z0-9-]*[A-Za-z0-9])?';
const NAME = '(?:[A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?)?';
const PREFIX = `${LABEL}(?:\\.${LABEL})*/`;
const KEY = new RegExp(`^(?:${PREFIX})?${NAME}$`);
const PREFIXED = new RegExp(`^${PREFIX}${NAME}$`);
const RESERVED = /^[^./]+\.(?:mcp|modelcontextprotocol)[./]/;
/** What is longer than any key ought to be is not judged: the grammar would be long at it. */
const LONG = 1000;
const TRACE_PARENT = /^(?!ff)[0-9a-f]{2}-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}(?:-.*)?$/;
const LIST_OF_PAIRS = /^[^=,]+=[^,]*(?:,[^=,]*(?:=[^,]*)?)*$/;

export function checkMeta(heard: Heard, value: unknown, path: string): void {
  if (value === undefined) return;
  if (!isRecord(value)) {
    heard.tell('meta', path, `must be an object, got ${show(value)}`);
    return;
  }
  // The grammar came with 2025-06-18.
  if (heard.revision >= '2025-06-18') for (const key of Object.keys(value)) checkKey(heard, key, path);
  checkRelatedTask(heard, value, path);
  if (heard.modern) checkTrace(heard, value, path);
}

/** The id of an extension is a key of `_meta` that has a prefix. */
export function isExtensionId(id: string): boolean {
  return PREFIXED.test(id);
}

function checkKey(heard: Heard, key: string, path: string): void {
  if (key.length > LONG) return;
  if (!KEY.test(key)) heard.tell('meta-key', path, `has the key ${show(key)}, which is none of the grammar`);
  // Official extensions have keys of the protocol's own prefix, and there are new ones. 2025-06-18 reserved others.
  else if (heard.revision >= '2025-11-25' && RESERVED.test(key) && !key.startsWith(META))
    heard.tell('meta-reserved', path, `has the key ${show(key)}, whose prefix is reserved`);
}

function checkRelatedTask(heard: Heard, value: Record<string, unknown>, path: string): void {
  const related = value[`${META}related-task`];
  if (heard.revision !== '2025-11-25' || related === undefined) return;
  if (!isRecord(related) || typeof related.taskId !== 'string')
    heard.tell('related-task', path, `must name a related task by the text taskId, got ${show(related)}`);
}

function checkTrace(heard: Heard, { traceparent, tracestate, baggage }: Record<string, unknown>, path: string): void {
  const wrong = (name: string, value: unknown) =>
    heard.tell('trace-context', `${path}.${name}`, `is not in the format of W3C: ${show(value)}`);
  if (traceparent !== undefined && (typeof traceparent !== 'string' || !TRACE_PARENT.test(traceparent)))
    wrong('traceparent', traceparent);
  if (tracestate !== undefined && !isPairs(tracestate)) wrong('tracestate', tracestate);
  if (baggage !== undefined && !isPairs(baggage)) wrong('baggage', baggage);
}

function isPairs(value: unknown): boolean {
  return typeof value === 'string' && (value === '' || (value.length < 10_000 && LIST_OF_PAIRS.test(value)));
}

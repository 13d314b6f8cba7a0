/** What a schema may cost to validate by, so that one that is made to hang a validator is passed over. */

import { isRecord } from '../match.ts';

/** Steps that a validation may take, as counted here. */
const STEPS = 20_000_000;
const DEEPEST = 200;

/** Whether data can be validated in time, whatever the schema makes of it. */
export function isCheap(schema: unknown, data: unknown): boolean {
  const { nodes, depth } = sizeOf(data);
  if (depth > DEEPEST) return false;
  const weighed = new Weight(schema);
  // What must be unique is compared each with each.
  const looks = weighed.unique ? nodes * nodes : nodes;
  if (weighed.steps * looks > STEPS) return false;
  // Each level of the data may go through each reference of a circle again.
  return !weighed.circular || weighed.refs ** depth <= STEPS;
}

/** Whether a value is so deep that even writing it down would take long, or end the stack. */
export function isDeep(value: unknown): boolean {
  return sizeOf(value).depth > DEEPEST;
}

function sizeOf(data: unknown): { nodes: number; depth: number } {
  let nodes = 0;
  let deepest = 0;
  const waiting: [unknown, number][] = [[data, 1]];
  for (let next = waiting.pop(); next; next = waiting.pop()) {
    const [value, depth] = next;
    nodes++;
    deepest = Math.max(deepest, depth);
    if (nodes > STEPS || depth > DEEPEST) break;
    if (typeof value === 'object' && value !== null)
      for (const child of Object.values(value)) waiting.push([child, depth + 1]);
  }
  return { nodes, depth: deepest };
}

/** Counts every part of a schema as often as references lead to it. */
class Weight {
  readonly steps: number;
  refs = 0;
  circular = false;
  unique = false;
  readonly #root: unknown;
  readonly #known = new Map<unknown, number>();
  readonly #open = new Set<unknown>();

  constructor(root: unknown) {
    this.#root = root;
    this.steps = this.#of(root);
  }

  #of(part: unknown): number {
    if (typeof part !== 'object' || part === null) return 1;
    const known = this.#known.get(part);
    if (known !== undefined) return known;
    if (this.#open.has(part)) {
      this.circular = true;
      return 1;
    }
    this.#open.add(part);
    let steps = 1;
    for (const [key, value] of Object.entries(part)) {
      steps += this.#of(value);
      if (key === 'uniqueItems') this.unique = true;
      if (key !== '$ref' && key !== '$dynamicRef' && key !== '$recursiveRef') continue;
      this.refs++;
      steps += this.#of(this.#target(String(value)));
    }
    this.#open.delete(part);
    this.#known.set(part, steps);
    return steps;
  }

  /** What a reference leads to; the whole, where that is not plain. */
  #target(ref: string): unknown {
    if (!ref.startsWith('#/')) return this.#root;
    let found: unknown = this.#root;
    for (const step of ref.slice(2).split('/')) {
      let name = step;
      try {
        name = decodeURIComponent(step);
      } catch {
        // Then it stands for itself.
      }
      name = name.replaceAll('~1', '/').replaceAll('~0', '~');
      if (Array.isArray(found)) found = found[Number(name)];
      else found = isRecord(found) && Object.hasOwn(found, name) ? found[name] : undefined;
    }
    return found ?? this.#root;
  }
}

interface Pattern {
  test(text: string): boolean;
}

const ANYTHING: Pattern = { test: () => true };
const LONGEST_PATTERN = 500;
/** Texts that a pattern with two open repetitions looks at: it may look as often as the cube of their length. */
const LONGEST_TEXT = 300;

/** A pattern that takes no longer than it should: one that could is taken to match everything. */
export function patternOf(pattern: string, broken: (why: string) => void): Pattern {
  let compiled: RegExp;
  try {
    compiled = regExpOf(pattern);
  } catch (error) {
    broken(`has a pattern that is none: ${error instanceof Error ? error.message : String(error)}`.slice(0, 300));
    return ANYTHING;
  }
  const open = pattern.match(/[*+]|\{\d+,\}/g)?.length ?? 0;
  if (pattern.length > LONGEST_PATTERN || open > 2 || /\)[*+{]|\\[1-9k]/.test(pattern)) return ANYTHING;
  return { test: (text) => text.length > LONGEST_TEXT || compiled.test(text) };
}

/** Escapes that only the older syntax has are common, and no fault. */
function regExpOf(pattern: string): RegExp {
  try {
    return new RegExp(pattern, 'u');
  } catch {
    return new RegExp(pattern);
  }
}

import { invalidConfig } from './refusal.ts';

const unitMs = { ms: 1, s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 } as const;
const part = /(\d+(?:\.\d+)?)(ms|s|m|h|d)/g;

/** What a timer can wait for: 24.8 days. */
export const LONGEST_MS = 2_147_483_647;

/**
 * Milliseconds in a k6 duration: `1m30s`, `500ms`, `0`, or a number of milliseconds; never more than a timer can wait for.
 * Throws a refusal that names `what`.
 */
export const milliseconds = (value: unknown, what: string): number => Math.min(read(value, what), LONGEST_MS);

function read(value: unknown, what: string): number {
  if (typeof value === 'number' && Number.isFinite(value) && value >= 0) return value;
  if (typeof value !== 'string')
    throw invalidConfig(`${what} must be a duration such as "30s", not ${JSON.stringify(value)}`);
  if (/^\d+(\.\d+)?$/.test(value)) return Number(value);
  let total = 0;
  let length = 0;
  for (const [text, amount, unit] of value.matchAll(part)) {
    total += Number(amount) * unitMs[unit as keyof typeof unitMs];
    length += text.length;
  }
  if (length === 0 || length !== value.length) {
    throw invalidConfig(`${what} must be a duration such as "30s", not ${JSON.stringify(value)}`);
  }
  return total;
}

/** A duration for people: `1m30s`, `4.2s`, `250ms`. */
export function readable(ms: number): string {
  if (ms < 1000) return `${Math.round(ms)}ms`;
  if (ms < 60_000) return `${Number((ms / 1000).toFixed(1))}s`;
  const minutes = Math.floor(ms / 60_000);
  const seconds = Math.round((ms % 60_000) / 1000);
  if (minutes < 60) return `${minutes}m${String(seconds).padStart(2, '0')}s`;
  return `${Math.floor(minutes / 60)}h${String(minutes % 60).padStart(2, '0')}m${String(seconds).padStart(2, '0')}s`;
}

/**
 * What the raw handlers answer, chosen once by BENCH_ANSWER:
 *
 * - `echo`: parses the JSON of a `tools/call` and answers its text as a JSON-RPC result; the unit of every ratio
 * - `page`: the bytes of the file BENCH_PAGE, whatever is asked
 * - `events`: ten progress events and the result, each written to a stream of its own call
 *
 * A GET opens a bare event stream that stays open.
 */
import { readFileSync } from 'node:fs';

interface EchoCall {
  id: number | string;
  params: { arguments?: { text?: string }; _meta?: { progressToken?: number | string } };
}

export const kind = process.env.BENCH_ANSWER ?? 'echo';
export const page: Buffer = process.env.BENCH_PAGE ? readFileSync(process.env.BENCH_PAGE) : Buffer.alloc(0);
/** Events before the result of a call that is answered by a stream. */
export const STEPS = 10;

export function echo({ id, params }: EchoCall): string {
  return JSON.stringify({ jsonrpc: '2.0', id, result: { content: [{ type: 'text', text: params.arguments?.text }] } });
}

/** The frames of a call answered by events. */
export function* events({ id, params }: EchoCall): Generator<string> {
  const progressToken = params._meta?.progressToken;
  for (let progress = 1; progress <= STEPS; progress++) {
    const notification = {
      jsonrpc: '2.0',
      method: 'notifications/progress',
      params: { progressToken, progress, total: STEPS },
    };
    yield `data: ${JSON.stringify(notification)}\n\n`;
  }
  const result = { content: [{ type: 'text', text: 'done' }] };
  yield `data: ${JSON.stringify({ jsonrpc: '2.0', id, result })}\n\n`;
}

/** One round of load by autocannon, in a process of its own; prints one line of result. Used where there is no wrk. */
import { createRequire } from 'node:module';
import type { Shape } from '../messages.ts';

interface Request {
  body?: string;
  headers?: Record<string, string>;
}

interface Outcome {
  requests: { total: number };
  duration: number;
  errors: number;
  timeouts: number;
  non2xx: number;
  latency: { p50: number; p99: number };
}

type Autocannon = (options: {
  url: string;
  method: 'POST';
  connections: number;
  duration: number;
  requests: { headers: Record<string, string>; setupRequest: (request: Request) => Request }[];
}) => Promise<Outcome>;

const autocannon = createRequire(import.meta.url)('autocannon') as Autocannon;
const { url, shape, seconds, first, connections } = JSON.parse(process.argv[2] ?? '') as {
  url: string;
  shape: Shape;
  seconds: number;
  first: number;
  connections: number;
};

let next = first;
const outcome = await autocannon({
  url,
  method: 'POST',
  connections,
  duration: seconds,
  requests: [
    {
      headers: shape.headers,
      setupRequest(request) {
        const id = ++next;
        const session = shape.sessions[id % shape.sessions.length];
        request.body = `${shape.before}${id}${shape.after}`;
        request.headers = { ...shape.headers, ...(session !== undefined && { 'mcp-session-id': session }) };
        return request;
      },
    },
  ],
});
const { requests, duration, errors, timeouts, non2xx, latency } = outcome;
const result = {
  requests: requests.total,
  seconds: duration,
  failed: errors + timeouts + non2xx,
  p50_us: latency.p50 * 1000,
  p99_us: latency.p99 * 1000,
};
console.log(`RESULT ${JSON.stringify(result)}`);

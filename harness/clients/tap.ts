import { Arrivals } from './arrivals.ts';

export interface Exchange {
  readonly method: string;
  /** The JSON-RPC method of a POST. */
  readonly called: string | undefined;
  readonly lastEventId: string | null;
  readonly status: number;
  readonly type: string | null;
  /** Breaks the connection under the client, as a failing network would. */
  cut(): void;
}

/** A `fetch` to put under a client: it tells of every exchange whose answer began, and can cut its connection. */
export class Tap {
  readonly exchanges = new Arrivals<Exchange>();
  sessionId: string | undefined;
  readonly #hidden: string | undefined;
  readonly #others: readonly string[];
  #sent = 0;

  /**
   * @param hidden a revision whose requests find nothing, as behind a proxy of older days
   * @param others further nodes: requests go to each in turn, as behind a load balancer
   */
  constructor(hidden?: string, others: readonly string[] = []) {
    this.#hidden = hidden;
    this.#others = others;
  }

  readonly fetch = async (url: string | URL | Request, init: RequestInit = {}): Promise<Response> => {
    const version = new Headers(init.headers).get('mcp-protocol-version');
    if (version !== null && version === this.#hidden) return new Response('Not Found', { status: 404 });
    const cutter = new AbortController();
    const signal = init.signal ? AbortSignal.any([init.signal, cutter.signal]) : cutter.signal;
    const node = this.#others[this.#sent++ % (this.#others.length + 1)] ?? url;
    const response = await fetch(node, { ...init, signal });
    this.sessionId ??= response.headers.get('mcp-session-id') ?? undefined;
    this.exchanges.add({
      method: init.method ?? 'GET',
      called: typeof init.body === 'string' ? calledBy(init.body) : undefined,
      lastEventId: new Headers(init.headers).get('last-event-id'),
      status: response.status,
      type: response.headers.get('content-type'),
      cut: () => cutter.abort(new Error('cut')),
    });
    return response;
  };
}

function calledBy(body: string): string | undefined {
  const message: { method?: string } = JSON.parse(body);
  return message.method;
}

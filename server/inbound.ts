/** One HTTP request on its way through the server: what came, from where, when, and who sent it. */

import type { Message, Platform } from './protocol.ts';
import type { Principal } from './tool.ts';

export class Inbound {
  readonly request: Request;
  readonly platform: Platform;
  /** Milliseconds of `performance.now()`. */
  readonly arrived: number = performance.now();
  /** Undefined where the server asks for no authorization. */
  principal: Principal | undefined;
  /** The browser origin that may read the answer; null for none. */
  origin: string | null = null;
  /** Where it goes, without query; undefined until that is known. */
  path: string | undefined;
  /** It asks after the server itself: a probe, a scrape. */
  probe = false;
  /** The body, once it was read and is a message. */
  message: Message | undefined;
  /** Requests in it that began to be served: each tells the operator of itself when it ends. */
  calls = 0;

  constructor(request: Request, platform: Platform) {
    this.request = request;
    this.platform = platform;
  }
}

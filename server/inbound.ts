/** One HTTP request on its way through the server: what came, from where, when, and who sent it. */

import type { Platform } from './protocol.ts';
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
  /** Requests in it that began to be served: each tells the operator of itself when it ends. */
  calls = 0;

  constructor(request: Request, platform: Platform) {
    this.request = request;
    this.platform = platform;
  }
}

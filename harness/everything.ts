/**
 * The "everything" server: this server with a feature for each thing the protocol can do, which the harness and the
 * official conformance suite call by name. Runs as `server.ts` does, with the same knobs.
 */

import type { Feature } from '../server/tool.ts';
import { application, type Clock, createServer, type Server, start } from '../server.ts';
import { countdown } from '../tools/countdown.ts';
import { echo } from '../tools/echo.ts';
import { prompts } from './fixtures/prompts.ts';
import { questions } from './fixtures/questions.ts';
import { resourcesBy, watch } from './fixtures/resources.ts';
import { schemas } from './fixtures/schema.ts';
import { scoped } from './fixtures/scoped.ts';
import { tools } from './fixtures/tools.ts';

/** @param clock what changes by itself changes by it; default the system's */
export function featuresBy(clock?: Clock): Feature[] {
  return [...tools, ...questions, ...schemas, echo, countdown, ...resourcesBy(clock), ...prompts, ...scoped];
}

export const features: Feature[] = featuresBy();

let server: Server | undefined;

const app = application(async (env) => {
  server = createServer({ name: 'everything', version: '1.0.0', features, env });
  watch(server.notify);
  return server;
});

export default {
  get port(): number {
    return app.port;
  },
  get hostname(): string {
    return app.hostname;
  },
  fetch(
    request: Request,
    second?: unknown,
    third?: { waitUntil?: (work: Promise<unknown>) => void },
  ): Promise<Response> {
    // On Workers the timers of a request end with it, so each watches for itself, a while longer than its answer takes.
    if (server && third?.waitUntil) {
      watch(server.notify);
      third.waitUntil(new Promise((resolve) => setTimeout(resolve, 4000)));
    }
    return app.fetch(request, second, third);
  },
};

if (import.meta.main) await start(app);

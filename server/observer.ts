/** What the operator is told of each request: metrics, one line of the log, an audit line where it took scopes, a span. */

import type { Call, Observer } from './call.ts';
import type { Inbound } from './inbound.ts';
import type { Logger } from './log.ts';
import type { Ending, ServerMetrics } from './metrics.ts';
import { isObject, type Message } from './protocol.ts';
import type { Registry } from './registry.ts';
import type { RequestSpan, Telemetry } from './telemetry.ts';

export interface ObserverOptions {
  registry: Registry;
  metrics: ServerMetrics;
  log: Logger | undefined;
  telemetry: Telemetry;
  /** The caller's address, behind trusted proxies. */
  addressOf(inbound: Inbound): string | undefined;
}

export interface RequestObserver extends Observer {
  /** An HTTP request was answered; with a stream that goes on where its calls do. */
  responded(inbound: Inbound, response: Response): void;
  /** How long no request has come, ms. */
  readonly quiet_ms: number;
}

const NO_MESSAGE: Partial<Message> = {};

export function observer({ registry, metrics, log, telemetry, addressOf }: ObserverOptions): RequestObserver {
  let last = Number.NEGATIVE_INFINITY;

  return {
    get quiet_ms() {
      return performance.now() - last;
    },

    begin(call): RequestSpan | undefined {
      if (!telemetry.registered) return undefined;
      const { method, params, inbound } = call;
      const { name, uri } = params;
      return telemetry.begin({
        method,
        id: call.id,
        revision: call.revision,
        session: call.sealed?.key,
        meta: params._meta,
        headers: inbound.request.headers,
        address: addressOf(inbound),
        tool: method === 'tools/call' && registry.tools.has(name as string) ? (name as string) : undefined,
        prompt: method === 'prompts/get' && registry.prompts.has(name as string) ? (name as string) : undefined,
        uri: typeof uri === 'string' ? uri : undefined,
      });
    },

    ended(call, ending, error) {
      const { method, params, inbound } = call;
      const tool = method === 'tools/call' && typeof params.name === 'string' ? params.name : '';
      const took_ms = performance.now() - inbound.arrived;
      metrics.call(call.era, call.revision, method, tool, ending, errorTypeOf(ending, error), took_ms / 1000);
      call.span?.end(ending, error);
      if (log) write(log, call, ending, error, took_ms);
    },

    answered(inbound, era, revision, method, error) {
      const ending = error === undefined ? 'ok' : 'error';
      const seconds = (performance.now() - inbound.arrived) / 1000;
      metrics.call(era, revision, method, '', ending, errorTypeOf(ending, error), seconds);
    },

    sessionBegun: () => metrics.sessionBegun(),
    sessionEnded: (end, revision, lasted_ms) => metrics.sessionEnded(end, revision, lasted_ms / 1000),

    responded(inbound, response) {
      last = inbound.arrived;
      const { request } = inbound;
      metrics.response(request.method, response.status);
      // Calls tell of themselves when they end.
      if (!log || inbound.calls > 0) return;
      const { status } = response;
      // Probes and scrapes come every few seconds, and say nothing.
      if (status < 400 && !log.enabled(inbound.probe ? 'debug' : 'info')) return;
      unserved(log, inbound, status);
    },
  };

  /** What was answered without being served: a refusal, a notification, a stream, a probe. */
  function unserved(log: Logger, inbound: Inbound, status: number): void {
    const { request, path = '', principal, message } = inbound;
    const { id, method, params } = isObject(message) ? message : NO_MESSAGE;
    const name = params && targetOf(params);
    const address = addressOf(inbound);
    log.request({
      http: request.method,
      path,
      status,
      duration_ms: performance.now() - inbound.arrived,
      id: id ?? undefined,
      method: typeof method === 'string' ? method : undefined,
      name,
      subject: principal?.subject,
      address,
    });
    const tool = method === 'tools/call' && name !== undefined ? registry.tools.get(name) : undefined;
    if (principal && status === 403 && tool && tool.scopes.length > 0) {
      const { subject } = principal;
      log.audit({ subject, tool: tool.name, scopes: tool.scopes, outcome: 'insufficient_scope', id, address });
    }
  }

  function write(log: Logger, call: Call, ending: Ending, error: number | undefined, took_ms: number): void {
    const { inbound, params, principal, method } = call;
    const tool = method === 'tools/call' ? registry.tools.get(params.name as string) : undefined;
    const audited = principal !== undefined && tool !== undefined && tool.scopes.length > 0;
    if (!audited && ending === 'ok' && !log.enabled('info')) return;
    const shared = {
      id: call.id,
      session: call.sealed?.key,
      subject: principal?.subject,
      address: addressOf(inbound),
      outcome: ending,
      trace_id: call.span?.traceId,
    };
    log.request({
      ...shared,
      http: inbound.request.method,
      path: inbound.path ?? '',
      status: 200,
      duration_ms: took_ms,
      method,
      name: targetOf(params),
      code: error,
      era: call.era,
      revision: call.revision,
      arguments: params.arguments,
    });
    if (audited)
      log.audit({
        ...shared,
        subject: principal.subject,
        tool: tool.name,
        scopes: tool.scopes,
        correlation: call.correlation,
      });
  }
}

function targetOf({ name, uri }: Call['params']): string | undefined {
  return typeof name === 'string' ? name : typeof uri === 'string' ? uri : undefined;
}

/** What failed, as the conventions tell it: a code, or that the tool says so. */
function errorTypeOf(ending: Ending, error: number | undefined): string | undefined {
  if (error !== undefined) return String(error);
  return ending === 'tool_error' ? 'tool_error' : undefined;
}

/** A context for calling handlers in tests, without a server. */

import { z } from 'zod';
import type { Context, Prompt, ReadReturn, Resource, Tool } from '../server/tool.ts';

export interface FakeContext extends Context {
  /** What the handler reported, in order. */
  readonly reports: { progress: number; total: number | undefined; message: string | undefined }[];
  /** The waits the handler asked for, in milliseconds; none of them takes time. */
  readonly waits: number[];
  cancel(reason: unknown): void;
}

export function fakeContext(): FakeContext {
  const controller = new AbortController();
  const { signal } = controller;
  const reports: FakeContext['reports'] = [];
  const waits: number[] = [];
  return {
    signal,
    reports,
    waits,
    cancel: (reason) => controller.abort(reason),
    async sleep(ms) {
      signal.throwIfAborted();
      waits.push(ms);
    },
    fetch: (input, init) =>
      fetch(input, { ...init, signal: init?.signal ? AbortSignal.any([signal, init.signal]) : signal }),
    async progress(progress, total, message) {
      reports.push({ progress, total, message });
    },
    async log() {},
    ask: () => Promise.reject(new Error('Cannot ask: there is no client')),
    once: async (_key, make) => make(),
    notify: { toolsChanged() {}, promptsChanged() {}, resourcesChanged() {}, resourceUpdated() {} },
    principal: undefined,
    session: undefined,
    client: { info: undefined, capabilities: {} },
    request: {
      era: 'stateful',
      revision: '2025-11-25',
      id: 1,
      headers: new Headers(),
      address: undefined,
      meta: {},
      cf: undefined,
    },
    closeStream() {},
  };
}

/** Calls a tool as a server does: arguments and structured result go through its schemas. */
export async function call(tool: Tool, input: Record<string, unknown>, context: Context): Promise<unknown> {
  const { inputSchema = {}, outputSchema } = tool.config;
  const result = await tool.handler(zodOf(inputSchema).parse(input) as never, context);
  return outputSchema ? zodOf(outputSchema).parse(result) : result;
}

export async function read(
  resource: Resource,
  uri: string,
  variables: Record<string, string>,
  context: Context,
): Promise<ReadReturn> {
  return resource.read(new URL(uri), variables as never, context);
}

export async function say(prompt: Prompt, args: Record<string, string>, context: Context): Promise<unknown> {
  return prompt.handler(zodOf(prompt.config.argsSchema ?? {}).parse(args) as never, context);
}

function zodOf(schema: z.ZodType | z.ZodRawShape): z.ZodType {
  return schema instanceof z.ZodType ? schema : z.object(schema);
}

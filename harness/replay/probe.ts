/**
 * What those parts of a server do that can be used without harm: tools that say they are read-only, prompts, resources.
 * No other tool is ever called.
 */

import { exampleOf, exampleUri, required, TEXT, variablesOf } from './examples.ts';
import { Exchanges, NoAnswer } from './exchanges.ts';
import type { Facts } from './facts.ts';
import { isRecord, valueAt } from './match.ts';
import { isStateless, META } from './protocol.ts';
import type { Target } from './target.ts';

export interface Probed {
  readonly tools: ReadonlyMap<string, Called>;
  /** Tools that did not answer in time. */
  readonly late: ReadonlySet<string>;
  /** By name: its answer contained its arguments, did not, or was an error. */
  readonly prompts: ReadonlyMap<string, 'quotes' | 'answers' | 'failed'>;
  /** By URI. */
  readonly resources: ReadonlyMap<string, 'text' | 'blob' | 'failed'>;
  /** A URI that can be read, by template. */
  readonly templates: ReadonlyMap<string, string>;
}

/** How a tool answered. */
export interface Called {
  /** The types of its content, in order. */
  readonly types: readonly string[];
  readonly isError: boolean;
  readonly isStructured: boolean;
  /** Its answer contained the text that it was given. */
  readonly quotes: boolean;
  /** How often it reported progress, and logged. */
  readonly progress: number;
  readonly logs: number;
}

/** How long a tool may take; ms. */
const LIMIT_MS = 5000;
/** The most that is tried of each kind, so that a probe of a large server ends. */
const MOST = 30;

/**
 * Uses what is read-only, one after the other, with arguments made from the schemas.
 *
 * @param facts of the revision at which it is used
 * @param told of each thing before it is used
 */
export async function probe(target: Target, facts: Facts, told: (what: string) => void = () => {}): Promise<Probed> {
  const known = { sessionIds: new Set<string>(), server: undefined, outputSchemas: new Map() };
  const exchanges = new Exchanges(target, facts.revision, new Map(), known, LIMIT_MS);
  const probed = {
    tools: new Map<string, Called>(),
    late: new Set<string>(),
    prompts: new Map<string, 'quotes' | 'answers' | 'failed'>(),
    resources: new Map<string, 'text' | 'blob' | 'failed'>(),
    templates: new Map<string, string>(),
  };
  const ask = async (method: string, params: Record<string, unknown>) => {
    try {
      const { messages, rpc } = await exchanges.exchange('post', { rpc: { method, params } });
      return { messages, result: valueAt(rpc, 'result') };
    } catch (error) {
      if (error instanceof NoAnswer) return undefined;
      throw error;
    }
  };
  try {
    // As a client that can be asked nothing: a tool that asks is told so, and does not wait.
    await exchanges.ready('', {});
    if (facts.capabilities.logging !== undefined && !isStateless(facts.revision))
      await ask('logging/setLevel', { level: 'debug' });
    for (const { name, params } of callable(facts)) {
      told(`the tool ${name}`);
      const answered = await ask('tools/call', params);
      if (answered) probed.tools.set(name, calledWith(answered.messages, answered.result));
      else probed.late.add(name);
    }
    for (const prompt of facts.prompts.slice(0, MOST)) {
      const { name } = prompt;
      if (typeof name !== 'string') continue;
      told(`the prompt ${name}`);
      const names = Array.isArray(prompt.arguments) ? prompt.arguments.map((one) => String(valueAt(one, 'name'))) : [];
      const args = Object.fromEntries(names.map((one) => [one, `test-${one}`]));
      const answered = await ask('prompts/get', { name, arguments: args });
      const said = JSON.stringify(valueAt(answered?.result, 'messages'));
      const quotes = names.length > 0 && Object.values(args).every((value) => said?.includes(value));
      probed.prompts.set(name, said === undefined ? 'failed' : quotes ? 'quotes' : 'answers');
    }
    const kindOf = async (uri: string): Promise<'text' | 'blob' | 'failed'> => {
      told(`the resource ${uri}`);
      const answered = await ask('resources/read', { uri });
      const contents = valueAt(answered?.result, 'contents.0');
      if (!isRecord(contents)) return 'failed';
      return typeof contents.text === 'string' ? 'text' : 'blob';
    };
    for (const { uri } of facts.resources.slice(0, MOST))
      if (typeof uri === 'string') probed.resources.set(uri, await kindOf(uri));
    for (const { uriTemplate } of facts.templates.slice(0, MOST)) {
      if (typeof uriTemplate !== 'string') continue;
      const values: Record<string, string> = {};
      for (const variable of facts.capabilities.completions === undefined ? [] : variablesOf(uriTemplate)) {
        const name = variable.replace(/^\+/, '');
        const ref = { type: 'ref/resource', uri: uriTemplate };
        const answered = await ask('completion/complete', { ref, argument: { name, value: '' } });
        const first = valueAt(answered?.result, 'completion.values.0');
        if (typeof first === 'string') values[name] = first;
      }
      const uri = exampleUri(uriTemplate, undefined, values);
      if (uri !== undefined && (await kindOf(uri)) !== 'failed') probed.templates.set(uriTemplate, uri);
    }
  } finally {
    await exchanges.close();
  }
  return probed;
}

/** The tools that say they are read-only, with arguments; those for which none can be made are left out. */
function callable({ tools, revision }: Facts): { name: string; params: Record<string, unknown> }[] {
  return tools
    .flatMap(({ name, annotations, inputSchema }) => {
      if (typeof name !== 'string' || valueAt(annotations, 'readOnlyHint') !== true) return [];
      // Its header would have to repeat an argument, and the scenarios test that.
      if (isStateless(revision) && JSON.stringify(inputSchema ?? {}).includes('"x-mcp-header"')) return [];
      const args = exampleOf(inputSchema ?? {});
      if (!isRecord(args)) return [];
      const _meta = {
        progressToken: name,
        ...(isStateless(revision) && { [`${META}logLevel`]: 'debug' }),
      };
      return [{ name, params: { name, arguments: args, _meta }, needs: required(inputSchema).length }];
    })
    .sort((one, other) => one.needs - other.needs)
    .slice(0, MOST);
}

function calledWith(messages: readonly unknown[], result: unknown): Called {
  const content = valueAt(result, 'content');
  const parts = Array.isArray(content) ? content : [];
  const count = (method: string) => messages.filter((one) => valueAt(one, 'method') === method).length;
  return {
    types: parts.map((part) => String(valueAt(part, 'type'))),
    isError: result === undefined || valueAt(result, 'isError') === true,
    isStructured: valueAt(result, 'structuredContent') !== undefined,
    quotes: parts.some((part) => String(valueAt(part, 'text') ?? '').includes(TEXT)),
    progress: count('notifications/progress'),
    logs: count('notifications/message'),
  };
}

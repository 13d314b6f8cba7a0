/** Mutants of what is offered: tools, resources, prompts, completions, lists and their pages. */

import { asked, type Json, type Mutant, message, result, withoutMembers } from './mutate.ts';

type Entry = Record<string, unknown>;

/** Changes the entries of a list in results. */
function entries(name: string, list: string, change: (entries: Entry[]) => Entry[]): Mutant {
  return result(name, (one) => {
    const found = one[list];
    return Array.isArray(found) ? { ...one, [list]: change(found) } : one;
  });
}

/** Changes each entry of a list in results. */
function entry(name: string, list: string, change: (entry: Entry) => Entry): Mutant {
  return entries(name, list, (all) => all.map(change));
}

/** Changes the error of a code. */
function error(name: string, code: number, change: (one: Json) => Json): Mutant {
  return message(name, (one) => (one.error?.code === code ? change(one) : one));
}

const PAGED = { MCP_PAGE_SIZE: '3' };

export const FEATURES: readonly Mutant[] = [
  entry('tools have no name', 'tools', (tool) => withoutMembers(tool, 'name')),
  entry('the schema of tools is a list', 'tools', (tool) => ({ ...tool, inputSchema: [tool.inputSchema] })),
  entry('the schema of tools is a string', 'tools', (tool) => ({ ...tool, inputSchema: { type: 'string' } })),
  entry('the schema of tools is none', 'tools', (tool) => ({
    ...tool,
    inputSchema: { ...(tool.inputSchema as object), properties: { a: { type: 'strin' } } },
  })),
  entry('keywords of schemas are lost', 'tools', (tool) => {
    const schema = tool.inputSchema as Entry;
    return { ...tool, inputSchema: withoutMembers(schema, '$schema', '$defs', 'allOf', 'if', 'then', 'else') };
  }),
  entries('every tool is listed twice', 'tools', (all) => [...all, ...all]),
  entry('names of tools have spaces', 'tools', (tool) => ({ ...tool, name: `the ${tool.name}` })),
  entry('hints of tools are texts', 'tools', (tool) => ({ ...tool, annotations: { readOnlyHint: 'yes' } })),
  entry('tools have no description', 'tools', (tool) => withoutMembers(tool, 'description')),
  (() => {
    let turn = 0;
    return {
      ...entries('the order of the tools changes', 'tools', (all) => (turn++ % 2 ? [...all].reverse() : all)),
      revisions: ['2026-07-28'] as const,
    };
  })(),
  result('tools answer without content', (one) => (one.content ? withoutMembers(one, 'content') : one)),
  result('the content of tools is a text', (one) => (one.content ? { ...one, content: 'text' } : one)),
  result('content has no type', (one) =>
    Array.isArray(one.content) ? { ...one, content: one.content.map((block) => withoutMembers(block, 'type')) } : one,
  ),
  result('content is of a type that nobody knows', (one) =>
    Array.isArray(one.content) ? { ...one, content: one.content.map((block) => ({ ...block, type: 'video' })) } : one,
  ),
  result('isError is a text', (one) => (one.content ? { ...one, isError: 'false' } : one)),
  result('images are no base64', (one) =>
    Array.isArray(one.content)
      ? { ...one, content: one.content.map((block) => (block.data ? { ...block, data: '%%%' } : block)) }
      : one,
  ),
  result('images say no MIME type', (one) =>
    Array.isArray(one.content)
      ? { ...one, content: one.content.map((block) => (block.data ? withoutMembers(block, 'mimeType') : block)) }
      : one,
  ),
  result('sounds are told as images', (one) =>
    Array.isArray(one.content)
      ? { ...one, content: one.content.map((block) => (block.type === 'audio' ? { ...block, type: 'image' } : block)) }
      : one,
  ),
  result('embedded resources have no uri', (one) =>
    Array.isArray(one.content)
      ? {
          ...one,
          content: one.content.map((block) =>
            block.type === 'resource' ? { ...block, resource: withoutMembers(block.resource, 'uri') } : block,
          ),
        }
      : one,
  ),
  result('only the first block of content comes', (one) =>
    Array.isArray(one.content) ? { ...one, content: one.content.slice(0, 1) } : one,
  ),
  result('blocks of content come in another order', (one) =>
    Array.isArray(one.content) ? { ...one, content: one.content.toReversed() } : one,
  ),
  result('every text is the same', (one) =>
    Array.isArray(one.content)
      ? { ...one, content: one.content.map((block) => (block.text ? { ...block, text: 'something' } : block)) }
      : one,
  ),
  (() => {
    let count = 0;
    return result('calls count themselves', (one) =>
      Array.isArray(one.content) ? { ...one, content: [...one.content, { type: 'text', text: `${++count}` }] } : one,
    );
  })(),
  result('structured content breaks its schema', (one) =>
    one.structuredContent ? { ...one, structuredContent: { city: 7 } } : one,
  ),
  result('structured content is missing', (one) => withoutMembers(one, 'structuredContent')),
  result('structured content is no text too', (one) => (one.structuredContent ? { ...one, content: [] } : one)),
  {
    ...result('structured content is a list', (one) =>
      one.structuredContent ? { ...one, structuredContent: [1] } : one,
    ),
  },
  result('wrong arguments are taken', (one) =>
    one.isError && JSON.stringify(one.content).includes('prompt') ? { content: [{ type: 'text', text: 'ok' }] } : one,
  ),
  message('wrong arguments are an error of the protocol', (one) =>
    one.result?.isError && JSON.stringify(one.result.content).includes('prompt')
      ? { jsonrpc: '2.0', id: one.id, error: { code: -32602, message: 'invalid arguments' } }
      : one,
  ),
  message('a tool that fails is an error of the protocol', (one) =>
    one.result?.isError ? { jsonrpc: '2.0', id: one.id, error: { code: -32603, message: 'failed' } } : one,
  ),
  error('unknown names are served', -32602, (one) => ({
    jsonrpc: '2.0',
    id: one.id,
    result: { content: [{ type: 'text', text: 'ok' }], messages: [], contents: [], completion: { values: [] } },
  })),
  error('unknown names are internal errors', -32602, (one) => ({ ...one, error: { ...one.error, code: -32603 } })),
  asked('names of tools are compared without case', (text) => text.replace('TEST_SIMPLE_TEXT', 'test_simple_text')),
  asked('a call needs its arguments', (text) =>
    text.includes('"tools/call"') && !text.includes('"arguments"')
      ? text.replace('"tools/call"', '"tools/none"')
      : text,
  ),

  entry('resources have no uri', 'resources', (one) => withoutMembers(one, 'uri')),
  entry('resources have no name', 'resources', (one) => withoutMembers(one, 'name')),
  entry('uris of resources are paths', 'resources', (one) => ({ ...one, uri: '/a/path' })),
  entry('templates have no uriTemplate', 'resourceTemplates', (one) => withoutMembers(one, 'uriTemplate')),
  entry('templates do not close their braces', 'resourceTemplates', (one) => ({ ...one, uriTemplate: 'test://{id' })),
  entry('templates have no name', 'resourceTemplates', (one) => withoutMembers(one, 'name')),
  entry('contents have no uri', 'contents', (one) => withoutMembers(one, 'uri')),
  entry('contents have another uri', 'contents', (one) => ({ ...one, uri: 'test://another' })),
  entry('contents have neither text nor blob', 'contents', (one) => withoutMembers(one, 'text', 'blob')),
  entry('texts are told as bytes', 'contents', (one) =>
    one.text ? { ...withoutMembers(one, 'text'), blob: one.text } : one,
  ),
  entry('bytes are told as text', 'contents', (one) =>
    one.blob ? { ...withoutMembers(one, 'blob'), text: one.blob } : one,
  ),
  entry('bytes are no base64', 'contents', (one) => (one.blob ? { ...one, blob: '%' } : one)),
  entries('resources are empty', 'contents', () => []),
  result('the contents of a resource are no list', (one) => (one.contents ? { ...one, contents: { 0: 'x' } } : one)),
  {
    ...result('every uri of a template reads the same', (one) =>
      Array.isArray(one.contents)
        ? { ...one, contents: one.contents.map((each) => (each.text ? { ...each, text: '{"id":"123"}' } : each)) }
        : one,
    ),
  },
  error('an unknown resource is empty', -32002, (one) => ({ jsonrpc: '2.0', id: one.id, result: { contents: [] } })),
  {
    ...error('an unknown resource has another code', -32002, (one) => ({
      ...one,
      error: { ...one.error, code: -32601 },
    })),
    revisions: ['2025-11-25'],
  },
  error('errors tell no data', -32602, (one) => ({ ...one, error: { code: -32602, message: 'no' } })),

  entry('prompts have no name', 'prompts', (one) => withoutMembers(one, 'name')),
  entry('arguments of prompts have no name', 'prompts', (one) => ({ ...one, arguments: [{ required: true }] })),
  result('prompts have no messages', (one) => (one.messages ? withoutMembers(one, 'messages') : one)),
  entries('prompts have no message', 'messages', () => []),
  entry('messages have a role that nobody knows', 'messages', (one) => ({ ...one, role: 'system' })),
  entry('the content of messages is a list', 'messages', (one) => ({ ...one, content: [one.content] })),
  entry('the content of messages is a text', 'messages', (one) => ({ ...one, content: 'text' })),
  entry('prompts leave their second argument out', 'messages', (one) => {
    const content = one.content as Entry;
    return content.text
      ? { ...one, content: { ...content, text: String(content.text).replace(/, arg2=.*/, '') } }
      : one;
  }),
  entry('images in prompts are no base64', 'messages', (one) => {
    const content = one.content as Entry;
    return content.data ? { ...one, content: { ...content, data: '!!!' } } : one;
  }),
  entry('resources in prompts have no uri', 'messages', (one) => {
    const content = one.content as Entry;
    return content.resource
      ? { ...one, content: { ...content, resource: withoutMembers(content.resource as Entry, 'uri') } }
      : one;
  }),
  asked('prompts need no arguments', (text) =>
    text.includes('"test_prompt_with_arguments","arguments":{')
      ? text.replace(/"arguments":\{[^}]*\}/, '"arguments":{"arg1":"a","arg2":"b"}')
      : text,
  ),

  result('completions are no list', (one) => (one.completion ? { ...one, completion: { values: 'a' } } : one)),
  result('completions are more than a hundred', (one) =>
    one.completion ? { ...one, completion: { values: Array.from({ length: 101 }, (_, index) => `${index}`) } } : one,
  ),
  result('completions are numbers', (one) => (one.completion ? { ...one, completion: { values: [1, 2] } } : one)),
  result('the total of completions is a text', (one) =>
    one.completion ? { ...one, completion: { ...(one.completion as object), total: 'many' } } : one,
  ),
  result('completions stand at the top', (one) => (one.completion ? (one.completion as Entry) : one)),
  asked('completions take anything for a ref', (text) =>
    text.includes('"completion/complete"')
      ? text
          .replace(
            /"params":\{/,
            '"params":{"ref":{"type":"ref/prompt","name":"test_prompt_with_arguments"},"argument":{"name":"arg1","value":"t"},"was":{',
          )
          .replace(/\}$/, '}}')
      : text,
  ),

  { ...asked('cursors are ignored', (text) => text.replace(/"cursor":"[^"]*"/, '"was":1')), env: PAGED },
  { ...result('the last page leads back', (one) => (isList(one) ? { nextCursor: 'MA', ...one } : one)), env: PAGED },
  { ...result('cursors are numbers', (one) => (one.nextCursor ? { ...one, nextCursor: 3 } : one)), env: PAGED },
  result('cursors are null at the end', (one) => (isList(one) ? { ...one, nextCursor: null } : one)),
  {
    ...entries('pages repeat an entry', 'tools', (all) => (all.length > 1 ? [...all, all[0] as Entry] : all)),
    env: PAGED,
  },
  entry('lists are of texts', 'prompts', (one) => String(one.name) as unknown as Entry),
  result('lists are objects', (one) => (Array.isArray(one.tools) ? { ...one, tools: { ...one.tools } } : one)),
  error('cursors that nobody gave are taken', -32602, (one) => ({
    jsonrpc: '2.0',
    id: one.id,
    result: { tools: [], prompts: [], resources: [], resourceTemplates: [] },
  })),
  result('tools are not declared', (one) =>
    one.capabilities ? { ...one, capabilities: withoutMembers(one.capabilities as Entry, 'tools') } : one,
  ),
  message('completions are declared and not there', (one) =>
    one.result?.completion ? { jsonrpc: '2.0', id: one.id, error: { code: -32601, message: 'no' } } : one,
  ),
  message('no list of resources', (one) =>
    one.result?.resources ? { jsonrpc: '2.0', id: one.id, error: { code: -32601, message: 'no' } } : one,
  ),
];

function isList(one: Entry): boolean {
  return ['tools', 'prompts', 'resources', 'resourceTemplates'].some((list) => Array.isArray(one[list]));
}

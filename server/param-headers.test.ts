import assert from 'node:assert/strict';
import { test } from 'node:test';
import { z } from 'zod';
import {
  base64Value,
  type Client,
  everythingAnd,
  type Json,
  type Refusal,
  refused,
  said,
  serving,
} from './client.fixture.ts';
import { headerText, paramHeaders, paramMismatch } from './param-headers.ts';
import { tool } from './tool.ts';

// ---- header values -------------------------------------------------------------------------------

const VALUES: [string, string | undefined][] = [
  ['', ''],
  ['echo', 'echo'],
  ['two words\tand a tab', 'two words\tand a tab'],
  ['=?base64?SGVsbG8=?=', 'Hello'],
  ['=?base64?SGVsbG8h?=', 'Hello!'],
  ['=?base64?w7xuw69jw7ZkZSDwn46I?=', 'ünïcöde 🎈'],
  ['=?base64??=', ''],
  ['=?base64?77u/QQ==?=', '\uFEFFA'],
  // Not both markers: a literal.
  ['=?base64?SGVsbG8=', '=?base64?SGVsbG8='],
  ['SGVsbG8=?=', 'SGVsbG8=?='],
  ['=?base64?=', '=?base64?='],
  ['=?BASE64?SGVsbG8=?=', '=?BASE64?SGVsbG8=?='],
  ['=?Base64?SGVsbG8=?=', '=?Base64?SGVsbG8=?='],
  ['=?utf-8?B?SGVsbG8=?=', '=?utf-8?B?SGVsbG8=?='],
  // Both markers and no base64 between them.
  ['=?base64?SGVsbG8?=', undefined],
  ['=?base64?SGVsbG8==?=', undefined],
  ['=?base64?SGVsbG8=SGVsbG8=?=', undefined],
  ['=?base64?SGV%bG8=?=', undefined],
  ['=?base64?SGV sbG8?=', undefined],
  ['=?base64? SGVsbG8=?=', undefined],
  ['=?base64?SGVsbG-_?=', undefined],
  ['=?base64?A?=', undefined],
  ['=?base64?=?=', undefined],
  ['=?base64?====?=', undefined],
  ['=?base64?SGVsbG9=?=', undefined],
  ['=?base64?QR==?=', undefined],
  // Base64 of what is no UTF-8.
  ['=?base64?/w==?=', undefined],
  ['=?base64?wK8=?=', undefined],
  ['=?base64?8J+O?=', undefined],
  // Characters that a header may not hold as they are.
  ['caf\u00e9', undefined],
  ['\u0080', undefined],
  ['a\u007fb', undefined],
  ['a\u0001b', undefined],
];
for (const [value, text] of VALUES) {
  test(`the header value ${JSON.stringify(value)} ${text === undefined ? 'is invalid' : `says ${JSON.stringify(text)}`}`, () => {
    assert.equal(headerText(value), text);
  });
}

// ---- where an annotation may stand ---------------------------------------------------------------

const annotated = (type: unknown = 'string', name: unknown = 'Region') => ({ type, 'x-mcp-header': name });
const object = (properties: object, more: object = {}) => ({ type: 'object', properties, ...more });

test('annotated properties are found at any depth of properties', () => {
  const schema = object({
    region: annotated(),
    where: object({ zone: annotated('integer', 'Zone'), deep: object({ er: annotated('boolean', 'X!#$-9') }) }),
    plain: { type: 'number' },
  });
  assert.deepEqual(paramHeaders(schema), [
    { header: 'mcp-param-region', path: ['region'], type: 'string' },
    { header: 'mcp-param-zone', path: ['where', 'zone'], type: 'integer' },
    { header: 'mcp-param-x!#$-9', path: ['where', 'deep', 'er'], type: 'boolean' },
  ]);
  assert.deepEqual(paramHeaders(object({})), []);
});

const MISPLACED: [string, object][] = [
  ['the schema itself', { ...annotated('object'), properties: {} }],
  ['items', object({ list: { type: 'array', items: annotated() } })],
  ['prefixItems', object({ list: { prefixItems: [annotated()] } })],
  ['contains', object({ list: { contains: annotated() } })],
  ['anyOf', object({ a: { anyOf: [annotated()] } })],
  ['oneOf of the root', object({}, { oneOf: [object({ a: annotated() })] })],
  ['allOf of the root', object({}, { allOf: [object({ a: annotated() })] })],
  ['not', object({ a: { not: annotated() } })],
  ['if', object({}, { if: object({ a: annotated() }) })],
  // biome-ignore lint/suspicious/noThenProperty: a keyword of JSON Schema, and nobody awaits a schema
  ['then', object({}, { then: object({ a: annotated() }) })],
  ['else', object({}, { else: object({ a: annotated() }) })],
  ['additionalProperties', object({}, { additionalProperties: annotated() })],
  ['patternProperties', object({}, { patternProperties: { '^a': annotated() } })],
  ['propertyNames', object({}, { propertyNames: annotated() })],
  ['dependentSchemas', object({}, { dependentSchemas: { a: object({ b: annotated() }) } })],
  ['$defs behind a $ref', object({ a: { $ref: '#/$defs/region' } }, { $defs: { region: annotated() } })],
];
for (const [where, schema] of MISPLACED) {
  test(`x-mcp-header within ${where} is refused`, () => {
    assert.throws(
      () => paramHeaders(schema as Json),
      /^Error: x-mcp-header "Region" stands at .*may stand only on properties/,
    );
  });
}

for (const name of ['', 'two words', 'a:b', 'ü', 'a\r\nb', 'a,b', '(a)', 7, null, true]) {
  test(`x-mcp-header ${JSON.stringify(name)} is refused: no HTTP token`, () => {
    const schema = object({ region: annotated('string', name) });
    assert.throws(() => paramHeaders(schema), /^Error: x-mcp-header of "region" must be an HTTP token, got /);
  });
}

for (const type of ['number', 'object', 'array', 'null', undefined, ['string', 'null']]) {
  test(`x-mcp-header on the type ${JSON.stringify(type) ?? 'missing'} is refused`, () => {
    const schema = object({ region: { ...annotated(), type } });
    assert.throws(
      () => paramHeaders(schema),
      /^Error: x-mcp-header "Region" of "region" needs type string, integer or boolean, got /,
    );
  });
}

test('the same header for two properties is refused, also in another case', () => {
  const schema = object({ a: annotated(), b: object({ c: annotated('integer', 'REGION') }) });
  assert.throws(() => paramHeaders(schema), /^Error: x-mcp-header "REGION" stands twice/);
});

// ---- arguments against headers -------------------------------------------------------------------

const wanted = paramHeaders(
  object({
    region: annotated(),
    level: annotated('integer', 'Level'),
    dry: annotated('boolean', 'Dry'),
    at: object({ zone: annotated('string', 'Zone') }),
  }),
);
const AGREE: [Json, Record<string, string>][] = [
  [{}, {}],
  [{ region: null, at: null }, {}],
  [{ region: 'eu' }, { 'Mcp-Param-Region': 'eu' }],
  [{ region: 'eu' }, { 'MCP-PARAM-REGION': '  eu ' }],
  [{ region: '' }, { 'mcp-param-region': '' }],
  [{ region: ' eu ' }, { 'mcp-param-region': base64Value(' eu ') }],
  [{ region: 'zürich' }, { 'mcp-param-region': base64Value('zürich') }],
  [{ region: '=?base64?QQ==?=' }, { 'mcp-param-region': base64Value('=?base64?QQ==?=') }],
  [{ level: 42 }, { 'mcp-param-level': '42' }],
  [{ level: 42 }, { 'mcp-param-level': '42.0' }],
  [{ level: -7 }, { 'mcp-param-level': '-7' }],
  [{ level: 0 }, { 'mcp-param-level': '0' }],
  [{ dry: true }, { 'mcp-param-dry': 'true' }],
  [{ dry: false }, { 'mcp-param-dry': 'false' }],
  [{ at: { zone: 'a' } }, { 'mcp-param-zone': 'a' }],
  [{ region: 'eu' }, { 'mcp-param-region': 'eu', 'mcp-param-other': 'ignored' }],
];
const DISAGREE: [Json, Record<string, string>, RegExp][] = [
  [{ region: 'eu' }, {}, /^Header mcp-param-region is missing, the argument "region" is "eu"$/],
  [
    { region: 'eu' },
    { 'mcp-param-region': 'us' },
    /^Header mcp-param-region is "us", but the argument "region" is "eu"$/,
  ],
  [{ region: 'eu' }, { 'mcp-param-region': 'EU' }, /is "EU", but/],
  [{ region: 'eu' }, { 'mcp-param-region': 'eu, eu' }, /is "eu, eu", but/],
  [{ region: 'Hello' }, { 'mcp-param-region': '=?base64?SGVsbG8?=' }, /^Header mcp-param-region is not valid/],
  [{ region: 'A' }, { 'mcp-param-region': '=?base64?77u/QQ==?=' }, /but the argument "region" is "A"$/],
  [{ region: 'caf\u00e9' }, { 'mcp-param-region': 'caf\u00e9' }, /^Header mcp-param-region is not valid/],
  [{}, { 'mcp-param-region': 'eu' }, /^Header mcp-param-region is "eu", but the argument "region" is absent$/],
  [{ region: null }, { 'mcp-param-region': 'null' }, /is absent$/],
  [{ level: 42 }, { 'mcp-param-level': '43' }, /is "43", but the argument "level" is 42$/],
  [{ level: 42 }, { 'mcp-param-level': '0x2A' }, /is "0x2A", but/],
  [{ level: 42 }, { 'mcp-param-level': '4.2e1' }, /is "4.2e1", but/],
  [{ level: 0 }, { 'mcp-param-level': '' }, /is "", but/],
  [{ dry: true }, { 'mcp-param-dry': 'TRUE' }, /is "TRUE", but/],
  [{ dry: true }, { 'mcp-param-dry': '1' }, /is "1", but/],
  [{ at: { zone: 'a' } }, {}, /^Header mcp-param-zone is missing, the argument "at.zone" is "a"$/],
  [{ at: { zone: 'a' } }, { 'mcp-param-zone': 'b' }, /the argument "at.zone" is "a"$/],
];
const shown = (headers: Record<string, string>) => JSON.stringify(headers);
for (const [args, headers] of AGREE) {
  test(`arguments ${JSON.stringify(args)} agree with ${shown(headers)}`, () => {
    assert.equal(paramMismatch(wanted, args, new Headers(headers)), undefined);
  });
}
for (const [args, headers, says] of DISAGREE) {
  test(`arguments ${JSON.stringify(args)} do not agree with ${shown(headers)}`, () => {
    assert.match(paramMismatch(wanted, args, new Headers(headers)) ?? 'nothing', says);
  });
}

test('arguments of the prototype are no arguments', () => {
  const headers = paramHeaders(
    object({ constructor: annotated(), at: object({ toString: annotated('string', 'T') }) }),
  );
  assert.equal(paramMismatch(headers, { at: {} }, new Headers()), undefined);
  assert.equal(paramMismatch(headers, undefined, new Headers()), undefined);
  assert.equal(paramMismatch(headers, 'text', new Headers()), undefined);
});

// ---- in a call -----------------------------------------------------------------------------------

const place = tool(
  'place',
  {
    description: 'Says where',
    inputSchema: z.object({
      region: z.string().optional().meta({ 'x-mcp-header': 'Region' }),
      at: z.object({ zone: z.int().meta({ 'x-mcp-header': 'Zone' }) }).optional(),
    }),
  },
  (input) => JSON.stringify(input),
);
const ask = (client: Client, args: Json, headers: { [name: string]: string }) =>
  client.tellModern({ id: 1, method: 'tools/call', params: { name: 'place', arguments: args } }, { headers });
const mismatch = (says: RegExp): Refusal => ({ status: 400, code: -32020, id: 1, says });

test(
  'a call whose Mcp-Param headers agree is served, any other answers 400 and -32020',
  serving(
    async (client) => {
      const args = { region: 'eu', at: { zone: 3 } };
      assert.equal(
        said(await ask(client, args, { 'Mcp-Param-Region': 'eu', 'Mcp-Param-Zone': '3' })),
        JSON.stringify(args),
      );
      assert.equal(said(await ask(client, {}, {})), '{}');
      refused(await ask(client, args, { 'mcp-param-region': 'eu' }), mismatch(/^Header mcp-param-zone is missing/));
      refused(await ask(client, args, { 'mcp-param-region': 'eu', 'mcp-param-zone': '4' }), mismatch(/is "4", but/));
      refused(await ask(client, {}, { 'mcp-param-region': 'eu' }), mismatch(/is absent$/));
    },
    { features: everythingAnd(place) },
  ),
);

test(
  'a 2025 session owes no such headers, and one that differs is ignored',
  serving(
    async (client) => {
      const session = await client.initialize();
      const params = { name: 'place', arguments: { region: 'eu' } };
      assert.equal(said(await session.request('tools/call', params)), '{"region":"eu"}');
      const headers = { 'mcp-param-region': 'us', 'mcp-method': 'x', 'mcp-name': 'y' };
      assert.equal(said(await session.request('tools/call', params, headers)), '{"region":"eu"}');
    },
    { features: everythingAnd(place) },
  ),
);

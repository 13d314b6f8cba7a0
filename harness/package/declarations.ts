/** TypeScript types written from a JSON Schema, so that those who install the package need no schema library for them. */

type Schema = Record<string, unknown>;

/**
 * The type of a value that a schema admits, as TypeScript.
 *
 * Knows what scenarios are described with: objects, arrays, enumerations, unions, references into `$defs`.
 * @param named the names that the entries of `$defs` get
 * @throws Error for a keyword that would change the type and is not known
 */
export function typeOf(schema: Schema, named: (definition: string) => string, indent = ''): string {
  const { $ref, anyOf, type, not } = schema;
  if (typeof $ref === 'string') return named($ref.slice('#/$defs/'.length));
  if (Array.isArray(schema.enum)) return schema.enum.map((one) => JSON.stringify(one)).join(' | ');
  if ('const' in schema) return JSON.stringify(schema.const);
  if (Array.isArray(anyOf)) return anyOf.map((one: Schema) => typeOf(one, named, indent)).join(' | ');
  if (type === 'array') return `readonly (${typeOf((schema.items ?? {}) as Schema, named, indent)})[]`;
  if (type === 'object') return objectType(schema, named, indent);
  if (type === 'integer') return 'number';
  if (type === 'string' || type === 'number' || type === 'boolean' || type === 'null') return type;
  if (isRecord(not) && Object.keys(not).length === 0) return 'never';
  if (type === undefined && !['allOf', 'oneOf', 'not', '$dynamicRef'].some((keyword) => keyword in schema))
    return 'unknown';
  throw new Error(`no type is known for ${JSON.stringify(schema)}`);
}

function objectType(schema: Schema, named: (definition: string) => string, indent: string): string {
  const { properties = {}, required = [], additionalProperties } = schema;
  const inner = `${indent}  `;
  const lines = Object.entries(properties as Record<string, Schema>).flatMap(([name, property]) => {
    const optional = (required as unknown[]).includes(name) ? '' : '?';
    const { description } = property;
    return [
      ...(typeof description === 'string' ? [`${inner}/** ${description.replaceAll('*/', '* /')} */`] : []),
      `${inner}readonly ${/^\w+$/.test(name) ? name : JSON.stringify(name)}${optional}: ${typeOf(property, named, inner)}${optional && ' | undefined'};`,
    ];
  });
  if (isRecord(additionalProperties))
    lines.push(`${inner}readonly [name: string]: ${typeOf(additionalProperties, named, inner)};`);
  return `{\n${lines.join('\n')}\n${indent}}`;
}

function isRecord(value: unknown): value is Schema {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

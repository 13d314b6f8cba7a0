/** Questions to the user as an older revision can say them. */

import { type Question, ToolError } from './tool.ts';

/** Since then: polling, fields that are lists, titled choices, the mode of an elicitation. */
const FORMS_2025_11 = '2025-11-25';

/**
 * The params of a request `elicitation/create`.
 * @throws ToolError naming a field that the revision has no form for
 */
export function elicitationParams({ params }: Question<unknown>, revision: string): object {
  if (params.mode === 'url') return { ...params, elicitationId: crypto.randomUUID() };
  if (revision >= FORMS_2025_11) return params;
  const { mode: _mode, requestedSchema, ...rest } = params;
  const { properties = {}, ...form } = requestedSchema as { properties?: Record<string, Field> };
  const fields = Object.entries(properties).map(([name, field]) => [name, older(name, field, revision)]);
  return { ...rest, requestedSchema: { ...form, properties: Object.fromEntries(fields) } };
}

interface Field {
  type?: string;
  oneOf?: { const: string; title: string }[];
}

function older(name: string, field: Field, revision: string): object {
  if (field.type === 'array')
    throw new ToolError(`Cannot ask for "${name}": revision ${revision} has no choice of several in a form`);
  if (!field.oneOf) return field;
  const { oneOf, ...rest } = field;
  return { ...rest, enum: oneOf.map((one) => one.const), enumNames: oneOf.map(({ title }) => title) };
}

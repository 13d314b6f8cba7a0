/** Tools, as they are listed, and as models are given them. */

import { ToolAnnotationsSchema, ToolSchema } from '@modelcontextprotocol/core';
import { isRecord, show } from '../match.ts';
import { checkIcons, unknownTo } from './display.ts';
import { checkHeaderMarks } from './header-marks.ts';
import type { Heard } from './heard.ts';
import { type SchemaFault, schemaFaults } from './json-schema.ts';
import { checkMeta } from './meta.ts';
import { fits } from './official.ts';

const OWN = ['_meta', 'icons', 'annotations', 'execution', 'inputSchema', 'outputSchema'];
const TASK_SUPPORT: readonly unknown[] = [undefined, 'forbidden', 'optional', 'required'];

export function checkTool(heard: Heard, tool: unknown, path: string): void {
  const { revision } = heard;
  fits(heard, ToolSchema, tool, 'tool', path, [...OWN, ...unknownTo(heard)]);
  if (!isRecord(tool)) return;
  const { name, annotations, inputSchema, outputSchema } = tool;
  if (revision >= '2025-11-25' && typeof name === 'string' && !/^[A-Za-z0-9_.-]{1,128}$/.test(name))
    heard.tell('tool-name', `${path}.name`, `must be 1 to 128 of A-Z, a-z, 0-9, _, - and ., got ${show(name)}`);
  checkMeta(heard, tool._meta, `${path}._meta`);
  checkIcons(heard, tool.icons, `${path}.icons`);
  if (annotations !== undefined)
    fits(heard, ToolAnnotationsSchema, annotations, 'tool-annotations', `${path}.annotations`);
  checkExecution(heard, tool.execution, `${path}.execution`);
  const at = `${path}.inputSchema`;
  if (!isRecord(inputSchema) || inputSchema.type !== 'object')
    heard.tell('tool-input-schema', at, `must be a schema of type object, got ${show(inputSchema)}`);
  if (isRecord(inputSchema)) {
    checkSchema(heard, inputSchema, at, 'tool-input-schema');
    if (heard.modern) checkHeaderMarks(heard, inputSchema, at);
  }
  if (outputSchema === undefined || revision < '2025-06-18') return;
  if (!isRecord(outputSchema) || (!heard.modern && outputSchema.type !== 'object'))
    heard.tell(
      'tool-output-schema',
      `${path}.outputSchema`,
      `must be a schema${heard.modern ? '' : ' of type object'}, got ${show(outputSchema)}`,
    );
  if (isRecord(outputSchema)) checkSchema(heard, outputSchema, `${path}.outputSchema`, 'tool-output-schema');
}

function checkExecution(heard: Heard, execution: unknown, path: string): void {
  if (execution === undefined) return;
  if (heard.modern) heard.tell('tool-execution', path, 'is no part of this revision');
  if (heard.revision !== '2025-11-25') return;
  if (!isRecord(execution) || !TASK_SUPPORT.includes(execution.taskSupport))
    heard.tell('tool-task-support', path, `must have a known taskSupport, got ${show(execution)}`);
}

const FAULTS = {
  invalid: 'schema-valid',
  ref: 'schema-ref',
  external: 'schema-external',
  pattern: 'schema-pattern',
} as const satisfies Record<SchemaFault['kind'], string>;

function checkSchema(
  heard: Heard,
  schema: Record<string, unknown>,
  path: string,
  check: 'tool-input-schema' | 'tool-output-schema',
): void {
  const { $schema, properties } = schema;
  if ($schema !== undefined && typeof $schema !== 'string') {
    heard.tell(check, `${path}.$schema`, `must be a text, got ${show($schema)}`);
    return;
  }
  if (!heard.modern && isRecord(properties))
    for (const [name, property] of Object.entries(properties))
      if (typeof property === 'boolean')
        heard.tell('tool-properties', `${path}.properties.${name}`, `must be an object, got ${show(property)}`);
  for (const { kind, why } of schemaFaults(schema, heard.revision < '2025-11-25'))
    heard.tell(FAULTS[kind], path, kind === 'invalid' ? `is no valid schema: ${why}` : why);
}

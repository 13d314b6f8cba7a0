/** `npm run schema`: writes harness/scenario.schema.json, by which editors check and complete scenarios. */

import { writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { z } from 'zod';
import { scenarioSchema } from './scenario.ts';

export const SCHEMA_FILE: string = fileURLToPath(new URL('../scenario.schema.json', import.meta.url));

/** The JSON Schema of a scenario, as the file has it. */
export function schemaText(): string {
  const schema = z.toJSONSchema(scenarioSchema, { io: 'input', reused: 'ref' });
  return `${JSON.stringify({ ...schema, title: 'A scenario of the MCP harness' }, null, 2)}\n`;
}

if (import.meta.main) writeFileSync(SCHEMA_FILE, schemaText());

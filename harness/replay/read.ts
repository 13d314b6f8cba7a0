/** Reads scenarios and bind files from YAML; what is wrong with one is told with its file and line. */

import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { isNode, LineCounter, parseDocument } from 'yaml';
import { z } from 'zod';
import type { Bind } from './facts.ts';
import { type Scenario, scenarioSchema } from './scenario.ts';

/** A file that cannot be used: `file:line: what was expected`. */
export class BadFile extends Error {}

/** @param paths files, or folders of files ending in .yaml, .yml or .json @throws BadFile */
export function readScenarios(paths: readonly string[]): Scenario[] {
  const scenarios: Scenario[] = [];
  const files = new Map<string, string>();
  for (const file of paths.flatMap(filesOf)) {
    const scenario = read(file, scenarioSchema);
    const other = files.get(scenario.id);
    if (other !== undefined) throw new BadFile(`${file}:1: the id "${scenario.id}" is taken by ${other}`);
    files.set(scenario.id, file);
    scenarios.push(scenario);
  }
  for (const { id, controls } of scenarios)
    if (controls !== undefined && !files.has(controls))
      throw new BadFile(`${files.get(id)}:1: "controls" names "${controls}", and no scenario has that id`);
  return scenarios;
}

const args = z.record(z.string(), z.unknown()).default({});
const scopes = z.array(z.string()).optional();
const bindSchema = z.record(
  z.string(),
  z.union(
    [
      z.strictObject({ tool: z.string(), args, scopes }),
      z.strictObject({ prompt: z.string(), args, scopes }),
      z.strictObject({ resource: z.string(), scopes }),
      z.strictObject({ template: z.string(), uri: z.string(), scopes }),
    ],
    { error: 'a fixture is {tool, args?}, {prompt, args?}, {resource} or {template, uri}, each with scopes?' },
  ),
);

/** @throws BadFile */
export function readBind(file: string): Bind {
  // A file in which nothing is bound yet holds comments alone, which YAML takes for null.
  return read(file, bindSchema.nullable()) ?? {};
}

function filesOf(path: string): string[] {
  let isFolder: boolean;
  try {
    isFolder = statSync(path).isDirectory();
  } catch {
    throw new BadFile(`${path}:1: there is no such file or folder`);
  }
  if (!isFolder) return [path];
  return readdirSync(path, { recursive: true, encoding: 'utf8' })
    .filter((name) => /\.(ya?ml|json)$/.test(name))
    .sort()
    .map((name) => join(path, name));
}

/** Reads a YAML file of one shape. @internal @throws BadFile */
export function read<T extends z.ZodType>(file: string, schema: T): z.output<T> {
  let text: string;
  try {
    text = readFileSync(file, 'utf8');
  } catch (error) {
    throw new BadFile(`${file}:1: ${error instanceof Error ? error.message : String(error)}`);
  }
  const lines = new LineCounter();
  const document = parseDocument(text, { lineCounter: lines });
  const [problem] = document.errors;
  if (problem) throw new BadFile(`${file}:${problem.linePos?.[0].line ?? 1}: ${problem.message.split('\n')[0]}`);
  const parsed = schema.safeParse(document.toJS());
  if (parsed.success) return parsed.data;
  const [issue] = parsed.error.issues;
  const path = (issue?.path ?? []) as (string | number)[];
  // The nearest node that is there: a member that is missing has no line of its own.
  for (let depth = path.length; depth >= 0; depth--) {
    const node = document.getIn(path.slice(0, depth), true);
    if (!isNode(node) || !node.range) continue;
    const { line } = lines.linePos(node.range[0]);
    throw new BadFile(`${file}:${line}: ${path.length > 0 ? `${path.join('.')}: ` : ''}${issue?.message}`);
  }
  throw new BadFile(`${file}:1: ${issue?.message}`);
}

/** A recorded scenario as a file that people read and change. */

import { Document, isPair, isScalar, visit } from 'yaml';
import type { Scenario } from './scenario.ts';

/** What fits is written on one line, as people do. */
const LINE = 110;

/**
 * @param schema where the JSON Schema is, seen from the file; without it the file names none
 * @param remarks comments at the head of the file, one line each
 */
export function yamlOf(
  scenario: Scenario,
  { schema, remarks = [] }: { schema?: string; remarks?: readonly string[] } = {},
): string {
  const document = new Document(scenario, { aliasDuplicateObjects: true });
  const head = schema === undefined ? [] : [` yaml-language-server: $schema=${schema}`];
  const comment = [...head, ...remarks.map((line) => ` ${line}`)];
  visit(document, {
    Collection(_key, node, path) {
      // Not the document itself, nor its list of steps.
      const text = JSON.stringify(node.toJS(document));
      if (path.length > 2 && text.length <= LINE && !text.includes('\\n')) node.flow = true;
    },
  });
  const anchors = new Map<string, string>();
  visit(document, {
    Collection(_key, node, path) {
      if (node.anchor === undefined) return;
      const name = anchorOf(path.at(-1), new Set(anchors.values()));
      anchors.set(node.anchor, name);
      node.anchor = name;
    },
    Alias(_key, node) {
      node.source = anchors.get(node.source) ?? node.source;
    },
  });
  const text = document.toString({ lineWidth: 120, flowCollectionPadding: true });
  return `${comment.map((line) => `#${line}\n`).join('')}${text}`;
}

/** A node that stands for many is named after the member that holds it. */
function anchorOf(pair: unknown, taken: ReadonlySet<string>): string {
  const key = isPair(pair) && isScalar(pair.key) ? String(pair.key.value) : '';
  const name = key.split('/').at(-1)?.replaceAll(/\W/g, '') || 'same';
  let free = name;
  for (let count = 2; taken.has(free); count++) free = `${name}${count}`;
  return free;
}

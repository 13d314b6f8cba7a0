/** Capabilities: what a server declares, and what a client has declared. */

import { ServerCapabilitiesSchema } from '@modelcontextprotocol/core';
import { isRecord, show, valueAt } from '../match.ts';
import { type Heard, TASKS_EXTENSION } from './heard.ts';
import { isExtensionId } from './meta.ts';
import { fits } from './official.ts';

export function checkCapabilities(heard: Heard, value: unknown, path: string): void {
  const own = [...(heard.modern ? [] : ['extensions']), ...(heard.revision === '2025-11-25' ? [] : ['tasks'])];
  fits(heard, ServerCapabilitiesSchema, value, 'capabilities', path, own);
  if (!isRecord(value)) return;
  const { extensions, tasks } = value;
  for (const name of own)
    if (value[name] !== undefined && !(name === 'tasks' && declaresTasks(extensions)))
      heard.tell('capabilities-of-revision', path, `has ${name}, which is not of this revision`);
  if (!heard.modern) return;
  if (tasks !== undefined && declaresTasks(extensions))
    heard.tell('capabilities-of-tasks', path, 'has tasks beside the extension for tasks');
  for (const id of isRecord(extensions) ? Object.keys(extensions) : [])
    if (!isExtensionId(id))
      heard.tell('extension-id', `${path}.extensions`, `has the id ${show(id)}, which is not like com.example/name`);
}

/** Of the extensions of either side. */
export function declaresTasks(extensions: unknown): boolean {
  return isRecord(extensions) && extensions[TASKS_EXTENSION] !== undefined;
}

export function clientDeclares({ client }: Heard, name: string): boolean {
  return (valueAt(client, name) ?? undefined) !== undefined;
}

/** Whether a server declared a capability, as `tools.listChanged`; true where nothing is known of it. */
export function serverDeclares({ server }: Heard, name: string): boolean {
  if (!server) return true;
  const value = valueAt(server, name);
  return value !== undefined && value !== null && value !== false;
}

/** An empty declaration is one of forms; before 2025-11-25 there was nothing else. */
export function clientTakesForms({ client, revision }: Heard): boolean {
  const { elicitation } = client;
  if (!isRecord(elicitation)) return false;
  return revision < '2025-11-25' || elicitation.form !== undefined || elicitation.url === undefined;
}

export function clientTakesUrls({ client, revision }: Heard): boolean {
  return revision >= '2025-11-25' && valueAt(client, 'elicitation.url') !== undefined;
}

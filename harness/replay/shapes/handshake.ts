/** How a server introduces itself: initialize, and server/discover. */

import { DiscoverResultSchema, InitializeResultSchema } from '@modelcontextprotocol/core';
import { isRecord, show } from '../match.ts';
import { isStateless } from '../protocol.ts';
import { REVISIONS } from '../scenario.ts';
import { checkCapabilities } from './capabilities.ts';
import { checkImplementation } from './display.ts';
import { type Heard, under } from './heard.ts';
import { fits } from './official.ts';

const OLDER = ['2024-10-07', '2024-11-05'];

/** @param heard under any revision: the result says which one it is of */
export function checkInitialize(heard: Heard, result: Record<string, unknown>, path: string): void {
  const { protocolVersion, capabilities, serverInfo } = result;
  fits(heard, InitializeResultSchema, result, 'initialize-result', path, ['_meta', 'capabilities', 'serverInfo']);
  const known = REVISIONS.find((revision) => revision === protocolVersion && !isStateless(revision));
  if (typeof protocolVersion === 'string' && known === undefined && !OLDER.includes(protocolVersion)) {
    const at = `${path}.protocolVersion`;
    if (/^\d{4}-\d{2}-\d{2}$/.test(protocolVersion) && isStateless(protocolVersion))
      heard.tell('protocol-version', at, `${show(protocolVersion)} has no initialize`);
    else if (!/draft/i.test(protocolVersion))
      heard.tell('protocol-version-known', at, `${show(protocolVersion)} is no revision of the protocol`);
  }
  const own = known === undefined ? heard : under(heard, known);
  if (capabilities === undefined) heard.tell('initialize-result', `${path}.capabilities`, 'must be there');
  else checkCapabilities(own, capabilities, `${path}.capabilities`);
  if (serverInfo === undefined) heard.tell('initialize-result', `${path}.serverInfo`, 'must be there');
  else checkImplementation(own, serverInfo, `${path}.serverInfo`);
}

export function checkDiscover(heard: Heard, result: Record<string, unknown>, path: string): void {
  const { supportedVersions, capabilities } = result;
  fits(heard, DiscoverResultSchema, result, 'discover-result', path, ['_meta', 'capabilities']);
  if (Array.isArray(supportedVersions) && !supportedVersions.includes(heard.revision))
    heard.tell(
      'discover-versions',
      `${path}.supportedVersions`,
      `must have ${heard.revision}, by which this was answered, got ${show(supportedVersions)}`,
    );
  if (capabilities === undefined) heard.tell('discover-result', `${path}.capabilities`, 'must be there');
  else checkCapabilities(heard, capabilities, `${path}.capabilities`);
  if (isRecord(result.serverInfo)) heard.tell('discover-server-info', `${path}.serverInfo`, 'belongs into _meta');
}

/** What a server has to do with OpenTelemetry where no SDK is: nothing. */

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { Caller, textOf } from './caller.ts';
import { serving } from './serving.ts';

const LOADS = new URL('./loads.ts', import.meta.url);
const PACKAGE = new URL('../../package.json', import.meta.url);

export async function loadsNoTelemetry(): Promise<void> {
  const { scripts } = JSON.parse(readFileSync(PACKAGE, 'utf8')) as { scripts: Record<string, string> };
  assert.equal(scripts.start, 'node server.ts', 'what is started here is what npm starts');
  await serving({ runtime: 'node', env: { NODE_OPTIONS: `--import=${LOADS}` } }, async (server) => {
    const caller = new Caller(server.url, { traceparent: '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01' });
    assert.equal(textOf(await caller.call('echo', { text: 'traced' })), 'traced');
    const lines = server.stdout().trimEnd().split('\n');
    const loaded = lines.filter((line) => line.startsWith('loads '));
    assert.ok(loaded.some((line) => line.endsWith('/server/telemetry.ts')));
    assert.deepEqual(
      loaded.filter((line) => line.includes('opentelemetry')),
      [],
    );
    assert.deepEqual(
      lines.filter((line) => !loaded.includes(line)),
      [`MCP endpoint: ${server.url}`],
    );
    assert.equal(server.stderr(), '');
  });
}

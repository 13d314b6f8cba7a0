/**
 * `mcp-replay`, as `npm run harness --` starts it: replays scenarios against any MCP server over HTTP.
 *
 *     mcp-replay <url> [file or folder ...]     (or: mcp-replay run <file ...> --url <url>)
 *     mcp-replay record --upstream <url>        a proxy that writes down what a client and a server say as a scenario
 *     mcp-replay diff <url> <url>               where two servers differ
 *     mcp-replay bind <url>                     proposes which of the server's own tools the scenarios' fixtures are
 *     mcp-replay html <results.json ...>        a page of results, or a matrix of several
 *     mcp-replay show <run.jsonl>               what went over the wire, as a time line
 *     mcp-replay coverage                       the rules of the protocol and the checks that prove them
 *
 * `mcp-replay <command> --help` tells the options of each.
 */

import { BadFile } from './replay/read.ts';
import { Usage } from './replay/usage.ts';

type Command = (args: string[]) => Promise<number>;

/** Read when called for, so that no command waits for what another needs. */
const COMMANDS: Record<string, () => Promise<Command>> = {
  run: async () => (await import('./commands/replay.ts')).replay,
  html: async () => (await import('./commands/html.ts')).html,
  show: async () => (await import('./commands/show.ts')).show,
  coverage: async () => (await import('./commands/coverage.ts')).coverage,
  record: async () => (await import('./commands/record.ts')).record,
  diff: async () => (await import('./commands/diff.ts')).diff,
  bind: async () => (await import('./commands/bind.ts')).bind,
};

async function main([first = '', ...rest]: string[]): Promise<number> {
  const load = Object.hasOwn(COMMANDS, first) ? COMMANDS[first] : undefined;
  const command = await (load ?? (COMMANDS.run as () => Promise<Command>))();
  return command(load ? rest : [first, ...rest].filter((one) => one !== ''));
}

process.exitCode = await main(process.argv.slice(2)).catch((error: unknown) => {
  if (error instanceof BadFile || error instanceof Usage) {
    console.error(error.message);
    return 2;
  }
  console.error('error of the harness:', error);
  return 7;
});

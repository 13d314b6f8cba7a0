/**
 * `mcp-replay record --upstream <url>`: a proxy that writes down what a client and a server say, as a scenario.
 *
 *     --upstream http://127.0.0.1:3000/mcp   the server; everything goes on to it
 *     --port 0, --host 127.0.0.1             where the client comes to; by default a free port
 *     --out session.scenario.yaml            the file; default: standard output
 *     --id recorded.session                  of the scenario
 *     --secret x-tenant-key                  a further header whose value must not be written, as often as there are
 *     --until-idle 2000                      ends when nothing was said for so many ms; default: at Ctrl-C or SIGTERM
 *
 * Never written are the values of Authorization, Cookie, X-API-Key and of the headers named by --secret, nor what looks like
 * a token in a message. `mcp-replay run <file> --url <url>` replays the file.
 *
 * Exit codes: 0 written, 2 usage or a port that cannot be had, 5 nothing was said that can be replayed.
 */

import { existsSync, writeFileSync } from 'node:fs';
import { dirname, relative, resolve, sep } from 'node:path';
import { fileURLToPath } from 'node:url';
import { toldOf } from '../replay/recorded-acts.ts';
import { yamlOf } from '../replay/recorded-yaml.ts';
import { type Recorder, startRecorder } from '../replay/recorder.ts';
import { recordingOf } from '../replay/recording.ts';
import { scenarioSchema } from '../replay/scenario.ts';
import { parsedArgs, Usage } from '../replay/usage.ts';

const SCHEMA_FILE = fileURLToPath(new URL('../scenario.schema.json', import.meta.url));

const HELP = `mcp-replay record --upstream <url>: a proxy that writes down what a client and a server say, as a scenario

  --upstream http://127.0.0.1:3000/mcp   the server; everything goes on to it
  --port 0, --host 127.0.0.1             where the client comes to; by default a free port
  --out session.scenario.yaml            the file; default: standard output
  --id recorded.session                  of the scenario
  --secret x-tenant-key                  a further header whose value must not be written, as often as there are
  --until-idle 2000                      ends when nothing was said for so many ms; default: at Ctrl-C or SIGTERM
`;

/** @param args as given on the command line @returns the exit code */
export async function record(args: string[]): Promise<number> {
  const { values } = given(args);
  if (values.help) {
    process.stdout.write(HELP);
    return 0;
  }
  const { upstream, host, port, out, id, secret, idle_ms } = parsed(values);
  const end = Promise.withResolvers<void>();
  let idle: NodeJS.Timeout | undefined;
  const onTraffic = () => {
    if (idle_ms === undefined) return;
    clearTimeout(idle);
    idle = setTimeout(end.resolve, idle_ms);
  };
  let recorder: Recorder;
  try {
    recorder = await startRecorder({ upstream, host, port, onTraffic });
  } catch (error) {
    throw new Usage(
      `--port ${port} of ${host} cannot be had: ${error instanceof Error ? error.message : String(error)}`,
    );
  }
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => end.resolve());
  console.error(`${recorder.url} records what goes to ${upstream.origin}${upstream.pathname}; Ctrl-C writes it`);
  await end.promise;
  clearTimeout(idle);
  await recorder.close();

  const recording = recordingOf(recorder.exchanges, { id, host: upstream.host, secretHeaders: secret });
  if (!recording) {
    for (const line of [...recorder.leftOut, ...toldOf(recorder.exchanges).leftOut]) console.error(`left out: ${line}`);
    console.error('nothing was said that can be replayed');
    return 5;
  }
  const { scenario, hide } = recording;
  const remarks = [...recorder.leftOut.map((line) => `left out: ${hide(line)}`), ...recording.remarks];
  const schema = out === undefined ? undefined : schemaFrom(out);
  const text = yamlOf(scenario, { remarks, ...(schema !== undefined && { schema }) });
  if (out === undefined) process.stdout.write(text);
  else writeFileSync(out, text);
  for (const line of remarks) console.error(line);
  console.error(
    `${recorder.exchanges.length} exchanges in ${scenario.steps.length} steps${out === undefined ? '' : `: ${out}`}`,
  );
  return 0;
}

function parsed(values: ReturnType<typeof given>['values']) {
  const { upstream, host = '127.0.0.1', port: at = '0', out, id, secret = [], 'until-idle': idle } = values;
  if (upstream === undefined)
    throw new Usage('--upstream is missing, as in: mcp-replay record --upstream http://127.0.0.1:3000/mcp');
  if (!URL.canParse(upstream) || !/^https?:/.test(upstream))
    throw new Usage(`--upstream must be an http URL, got "${upstream}"`);
  const port = Number(at);
  if (!(Number.isInteger(port) && port >= 0 && port < 65_536))
    throw new Usage(`--port must be 0 to 65535, got "${at}"`);
  const idle_ms = idle === undefined ? undefined : Number(idle);
  if (idle_ms !== undefined && !(idle_ms > 0)) throw new Usage(`--until-idle must be a number of ms, got "${idle}"`);
  if (id !== undefined) {
    const { error } = scenarioSchema.shape.id.safeParse(id);
    if (error) throw new Usage(`--id: ${error.issues[0]?.message}, got "${id}"`);
  }
  // Told now, and not after the session is over.
  if (out !== undefined && !existsSync(dirname(resolve(out))))
    throw new Usage(`--out: there is no folder "${dirname(out)}"`);
  return { upstream: new URL(upstream), host, port, out, id, secret, idle_ms };
}

function given(args: string[]) {
  return parsedArgs({
    args,
    options: {
      upstream: { type: 'string' },
      host: { type: 'string' },
      port: { type: 'string' },
      out: { type: 'string' },
      id: { type: 'string' },
      secret: { type: 'string', multiple: true },
      'until-idle': { type: 'string' },
      help: { type: 'boolean', default: false },
    },
  });
}

/** The schema for editors, seen from a file; only where both are in the folder that is worked in, for a path out of it helps nobody else. */
function schemaFrom(out: string): string | undefined {
  const isInside = (file: string) => !relative(process.cwd(), resolve(file)).startsWith('..');
  if (!existsSync(SCHEMA_FILE) || !isInside(SCHEMA_FILE) || !isInside(out)) return undefined;
  const path = relative(dirname(resolve(out)), SCHEMA_FILE)
    .split(sep)
    .join('/');
  return path.startsWith('.') ? path : `./${path}`;
}

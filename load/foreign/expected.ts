/**
 * What the load scripts must find in servers of others. Each verdict was looked at by hand, with requests of its own and in the
 * source of the server's package: `why` tells the cause that was found there, not what a script said.
 */

import type { Foreign } from '../../harness/foreign/start.ts';

export const SCRIPTS = ['sessions', 'heartbeats', 'reconnection', 'storm', 'calls', 'listen', 'soak', 'smoke'] as const;

export type Script = (typeof SCRIPTS)[number];

export type Verdict = 'pass' | Red | Refused;

/** Thresholds fail (exit code 99). */
export interface Red {
  /** Their metrics: these and no others. */
  readonly red: readonly string[];
  /** The checks that fail: these and no others. */
  readonly checks?: readonly string[];
  readonly why: string;
}

/** The check before the run ends it with one line (exit code 108). */
export interface Refused {
  /** The whole line; `URL` stands for that of the server. */
  readonly refused: string;
  readonly why: string;
}

export interface Tried {
  readonly server: Foreign;
  /** MCP_REVISION; the scripts' own when undefined: 2025-11-25, 2026-07-28 for listen, both for calls and smoke. */
  readonly revision?: string;
  /** Knobs that the server needs. */
  readonly env?: Readonly<Record<string, string>>;
  readonly verdicts: Readonly<Partial<Record<Script, Verdict>>>;
}

/** Both versions of the SDK write a comment to every open stream each 15 s (DEFAULT_SSE_KEEP_ALIVE_MS); the others never do. */
const BEATS = { HEARTBEAT_MS: '15000' };
/** One heartbeat is due where none comes: what a stream begins with is no heartbeat. */
const SILENT = { HEARTBEAT_MS: '1000', HOLD_MS: '1000' };
/** What makes the server tell its listeners of a change. */
const CHANGES = { MCP_CHANGE_TOOL: 'test_trigger_tool_change' };
/** The package has an echo with an argument of another name, and a tool that reports progress 1 to `steps` in `duration` seconds. */
const EVERYTHING = {
  MCP_CALL_ARGUMENTS: '{"message":"load"}',
  MCP_SEQUENCE_TOOL: 'trigger-long-running-operation',
  MCP_SEQUENCE_ARGUMENTS: '{"duration":4,"steps":"$EVENTS"}',
};

const noModern = (said: string, why: string): Refused => ({
  refused: `URL does not speak revision 2026-07-28: 400 ${said}`,
  why,
});
/** A script that speaks both eras says how to leave one out. */
const ofBoth = ({ refused, why }: Refused): Refused => ({ refused: `${refused}; say so with MCP_REVISION`, why });
const noLatest = (offered: string, why: string): Refused => ({
  refused: `URL does not speak revision 2025-11-25: it offers ${offered}; say so with MCP_REVISION`,
  why,
});
const noIds = (why: string): Refused => ({
  refused: 'The events of URL have no ids: its streams cannot be resumed',
  why,
});

const SDK_V1_MODERN = noModern(
  'Bad Request: No valid session ID provided (-32000)',
  'version 1 of the SDK knows 2025-11-25 and older (types.js, SUPPORTED_PROTOCOL_VERSIONS): what is no initialize and has no session is refused',
);
const EVERYTHING_MODERN = noModern(
  'Bad Request: Server not initialized (-32000)',
  'it is built on version 1 of the SDK: a request without a session gets a new transport, which refuses what is no initialize (webStandardStreamableHttp.js, validateSession)',
);
const LITE_MODERN = noModern(
  'Protocol version mismatch (-32602)',
  'mcp-lite speaks 2025-03-26 and 2025-06-18 (SUPPORTED_MCP_PROTOCOL_VERSIONS)',
);
const LITE_LATEST = noLatest(
  '2025-03-26',
  'mcp-lite speaks 2025-03-26 and 2025-06-18, and answers any other revision with the older of them (McpServer, initialize)',
);
const LITE_IDS = noIds(
  'progress of a call is written to its own stream without the id that it was stored under (StreamableHttpTransport.bind: requestWriter.write), and its answer is not stored at all',
);
const TMCP_LATEST = noLatest(
  '2025-06-18',
  'with sessions tmcp speaks 2025-06-18 and older (validation/version.js, SUPPORTED_VERSIONS)',
);
const TMCP_IDS = noIds(
  'no event of tmcp has an id, and Last-Event-ID is read nowhere (@tmcp/transport-http: #handle_get, #handle_post)',
);

/** An id is taken for a session without being looked up. */
const anyId = (why: string): Red => ({
  red: ['mcp_session_ok'],
  checks: ['a deleted session is gone', 'a session that nobody began is refused'],
  why,
});
const FORGETS = {
  why: 'a deleted session is answered with 400 instead of 404 (streamableHttp.js of the package: an id that is not in its map is "No valid session ID")',
};
const REPLAYS_WRONG = {
  why: "a resumed stream gets what was stored for all streams of its session, and nothing more after that: InMemoryEventStore.replayEventsAfter does not look at the stream of an event, and returns an event's id where the SDK expects the id of the stream that goes on",
};

/** What takes longest is first. */
export const EXPECTED: readonly Tried[] = [
  {
    server: 'server-everything',
    env: EVERYTHING,
    verdicts: { calls: ofBoth(EVERYTHING_MODERN), listen: EVERYTHING_MODERN, smoke: ofBoth(EVERYTHING_MODERN) },
  },
  { server: 'server-everything', env: { ...EVERYTHING, ...BEATS }, verdicts: { heartbeats: 'pass' } },
  {
    server: 'server-everything',
    revision: '2025-11-25',
    env: EVERYTHING,
    verdicts: {
      sessions: { red: ['mcp_session_ok'], checks: ['a deleted session is gone'], ...FORGETS },
      reconnection: { red: ['mcp_events_foreign', 'mcp_events_lost', 'mcp_events_seen'], ...REPLAYS_WRONG },
      storm: { red: ['mcp_events_lost', 'mcp_events_seen'], ...REPLAYS_WRONG },
      calls: 'pass',
      soak: {
        red: [
          'mcp_events_foreign{scenario:reconnection}',
          'mcp_events_lost{scenario:reconnection}',
          'mcp_events_seen{scenario:reconnection}',
          'mcp_session_ok{scenario:sessions}',
        ],
        why: `${FORGETS.why}; ${REPLAYS_WRONG.why}`,
      },
      smoke: {
        red: [
          'mcp_events_foreign{scenario:reconnection}',
          'mcp_events_lost{scenario:reconnection}',
          'mcp_events_lost{scenario:storm}',
          'mcp_events_seen{scenario:reconnection}',
          'mcp_events_seen{scenario:storm}',
          'mcp_session_ok{scenario:sessions}',
        ],
        why: `${FORGETS.why}; ${REPLAYS_WRONG.why}`,
      },
    },
  },
  {
    server: 'sdk-v1',
    verdicts: { calls: ofBoth(SDK_V1_MODERN), listen: SDK_V1_MODERN, smoke: ofBoth(SDK_V1_MODERN) },
  },
  { server: 'sdk-v1', env: BEATS, verdicts: { heartbeats: 'pass' } },
  {
    server: 'sdk-v1',
    revision: '2025-11-25',
    verdicts: { sessions: 'pass', reconnection: 'pass', storm: 'pass', calls: 'pass', soak: 'pass', smoke: 'pass' },
  },
  { server: 'sdk-v2', env: BEATS, verdicts: { heartbeats: 'pass' } },
  { server: 'sdk-v2', revision: '2026-07-28', env: BEATS, verdicts: { heartbeats: 'pass' } },
  {
    server: 'sdk-v2',
    verdicts: { sessions: 'pass', reconnection: 'pass', storm: 'pass', calls: 'pass', soak: 'pass' },
  },
  { server: 'sdk-v2', env: CHANGES, verdicts: { listen: 'pass', smoke: 'pass' } },
  { server: 'sdk-v2', revision: '2026-07-28', verdicts: { calls: 'pass', soak: 'pass' } },
  { server: 'sdk-v2', revision: '2026-07-28', env: CHANGES, verdicts: { smoke: 'pass' } },
  {
    server: 'mcp-lite',
    verdicts: {
      sessions: LITE_LATEST,
      heartbeats: LITE_LATEST,
      reconnection: LITE_LATEST,
      storm: LITE_LATEST,
      calls: LITE_LATEST,
      listen: LITE_MODERN,
      soak: LITE_LATEST,
      smoke: LITE_LATEST,
    },
  },
  {
    server: 'mcp-lite',
    revision: '2025-06-18',
    verdicts: {
      sessions: anyId(
        'a session id is never looked up: handlePost reads the session, and goes on where there is none; DELETE takes it out of the map only',
      ),
      heartbeats: 'pass',
      reconnection: LITE_IDS,
      storm: LITE_IDS,
      calls: 'pass',
      soak: LITE_IDS,
      smoke: LITE_IDS,
    },
  },
  {
    server: 'mcp-lite',
    revision: '2025-06-18',
    env: SILENT,
    verdicts: {
      heartbeats: {
        red: ['mcp_heartbeat_shortfall', 'mcp_heartbeats', 'mcp_streams_silent'],
        why: 'a stream begins with the comment "stream ready", and no other follows: no timer writes to it (createSSEStream, handleGet)',
      },
    },
  },
  {
    server: 'tmcp',
    verdicts: {
      sessions: TMCP_LATEST,
      heartbeats: TMCP_LATEST,
      reconnection: TMCP_LATEST,
      storm: TMCP_LATEST,
      calls: TMCP_LATEST,
      soak: TMCP_LATEST,
      smoke: TMCP_LATEST,
    },
  },
  {
    server: 'tmcp',
    revision: '2025-06-18',
    verdicts: {
      sessions: anyId(
        'a session id is never looked up: #handle_post takes what the header says, and there is no table of the sessions that were begun',
      ),
      heartbeats: 'pass',
      reconnection: TMCP_IDS,
      storm: TMCP_IDS,
      calls: 'pass',
      soak: TMCP_IDS,
      smoke: TMCP_IDS,
    },
  },
  {
    server: 'tmcp',
    revision: '2025-06-18',
    env: SILENT,
    verdicts: {
      heartbeats: {
        red: ['mcp_heartbeat_shortfall', 'mcp_heartbeats', 'mcp_streams_silent'],
        why: 'a stream begins with the comment "connected", and no other follows: no timer writes to it (#handle_get)',
      },
    },
  },
  {
    server: 'tmcp',
    revision: '2026-07-28',
    env: SILENT,
    verdicts: {
      heartbeats: {
        red: ['mcp_heartbeat_shortfall', 'mcp_heartbeats', 'mcp_streams_silent'],
        why: 'after its acknowledgement a listen stream is silent until something changes: no timer writes to it (#handle_post)',
      },
    },
  },
  { server: 'tmcp', env: CHANGES, verdicts: { listen: 'pass' } },
  { server: 'tmcp', revision: '2026-07-28', verdicts: { heartbeats: 'pass', calls: 'pass', soak: 'pass' } },
  { server: 'tmcp', revision: '2026-07-28', env: CHANGES, verdicts: { smoke: 'pass' } },
  { server: 'tmcp', revision: '2025-06-18,2026-07-28', verdicts: { calls: 'pass' } },
];

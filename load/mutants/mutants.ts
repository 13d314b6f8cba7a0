/** Servers that are wrong in one thing, each with the script that has to notice it and the thresholds that turn red. */

import type { Mutation, Stream } from './proxy.ts';

export interface Mutant {
  readonly name: string;
  readonly script: 'sessions' | 'heartbeats' | 'reconnection' | 'storm' | 'listen';
  /** Metrics whose thresholds must fail; no others may, but those of `near`. */
  readonly red: readonly string[];
  /** What is just at its bound then. */
  readonly near?: readonly string[];
  /** One for each run: it may remember. */
  readonly mutation: () => Mutation;
}

const isProgress = (block: string): boolean => block.includes('"notifications/progress"');
const isChange = (block: string): boolean => block.includes('/list_changed"');
const isBeat = (block: string): boolean => block.startsWith(':');

/** Of the event streams, those that `which` chooses are handled by `begin`. */
const streams = (which: (stream: Stream) => boolean, begin: (stream: Stream) => (block: string) => void): Mutation => ({
  stream: (stream) => (which(stream) ? begin(stream) : stream.send),
});
const resumed = (stream: Stream): boolean => stream.resumed;
const quiet = ({ method, resumed }: Stream): boolean => method === 'GET' && !resumed;
const every = (): boolean => true;

/** The first progress of a stream that was resumed does not come. */
const losesAtResume = (): Mutation =>
  streams(resumed, ({ send }) => {
    let lost = false;
    return (block) => {
      if (lost || !isProgress(block)) send(block);
      else lost = true;
    };
  });

const repeatsAtResume = (): Mutation =>
  streams(resumed, ({ send }) => {
    let repeated = false;
    return (block) => {
      send(block);
      if (!repeated && isProgress(block)) send(block);
      repeated ||= isProgress(block);
    };
  });

/** Progress of another call comes with the first of a stream that was resumed. */
function handsOverForeign(): Mutation {
  const latest = new Map<string, string>();
  return streams(every, ({ send, resumed }) => {
    let given = !resumed;
    return (block) => {
      const token = /"progressToken":("[^"]*"|\d+)/.exec(block)?.[1];
      if (token !== undefined) {
        const foreign = [...latest].find(([other]) => other !== token)?.[1];
        if (!given && foreign !== undefined) {
          given = true;
          send(foreign.replace(/^id:.*\n/m, ''));
        }
        latest.set(token, block);
      }
      send(block);
    };
  });
}

/** The first two events of progress of a stream that was resumed change places. */
const swapsAtResume = (): Mutation =>
  streams(resumed, ({ send }) => {
    let held: string | undefined;
    let swapped = false;
    return (block) => {
      if (!swapped && isProgress(block) && held === undefined) held = block;
      else {
        send(block);
        if (held !== undefined && !swapped) send(held);
        swapped = swapped || held !== undefined;
      }
    };
  });

const misnumbers = (): Mutation =>
  streams(
    every,
    ({ send }) =>
      (block) =>
        send(block.replace('"progress":7,', '"progress":1007,')),
  );

/** Not so the call of the check, whose id is another. */
const failsAtTheEnd = (): Mutation =>
  streams(every, ({ send }) => (block) => {
    const id = isProgress(block) ? undefined : /"id":("\d+-\d+")/.exec(block)?.[1];
    const error = `data: {"jsonrpc":"2.0","id":${id},"error":{"code":-32603,"message":"No"}}`;
    send(id === undefined ? block : block.replace(/^data: .*$/m, error));
  });

/** Nobody is let in again for longer than these runs allow (BACK_MS). */
function refusesWhoComesBack(): Mutation {
  const REFUSED_MS = 6000;
  let since: number | undefined;
  return {
    request: ({ headers }) => {
      if (headers['last-event-id'] === undefined) return undefined;
      since ??= Date.now();
      return Date.now() - since < REFUSED_MS ? 503 : undefined;
    },
  };
}

/** One stream has no heartbeats at all. */
function silencesOne(): Mutation {
  let silent: Stream | undefined;
  // The check looks at streams of its own, each for a moment.
  let seen = 0;
  return streams(quiet, (stream) => {
    if (++seen === 10) silent = stream;
    return (block) => {
      if (silent !== stream || !isBeat(block)) stream.send(block);
    };
  });
}

const dropsTenthBeat = (): Mutation =>
  streams(quiet, ({ send }) => {
    let beats = 0;
    return (block) => {
      if (!isBeat(block) || ++beats % 10 !== 0) send(block);
    };
  });

/** A comment that is no heartbeat does not make up for one. */
const greetsAndDropsTenthBeat = (): Mutation => {
  const drops = dropsTenthBeat();
  return {
    stream: (stream) => {
      if (quiet(stream)) stream.send(': welcome');
      return drops.stream?.(stream) ?? stream.send;
    },
  };
};

/** Each beat is later than the one before by a fifth of a period more. */
const beatsLate = (): Mutation =>
  streams(quiet, ({ send }) => {
    const LATE_MS = 100;
    let beats = 0;
    return (block) => {
      if (isBeat(block)) setTimeout(send, ++beats * LATE_MS, block).unref();
      else send(block);
    };
  });

const closesEarly = (): Mutation =>
  streams(quiet, ({ send, close }) => {
    // Past the look that the check takes at a stream.
    setTimeout(close, 2000).unref();
    return send;
  });

/** DELETE is answered, and then the id is, as it should be; but the server behind never hears of it. */
function leaksSessions(): Mutation {
  const ended = new Set<string>();
  return {
    request: ({ method, headers }) => {
      const id = headers['mcp-session-id'];
      if (typeof id !== 'string') return undefined;
      if (ended.has(id)) return 404;
      if (method !== 'DELETE') return undefined;
      ended.add(id);
      return 204;
    },
  };
}

/** A session that was deleted is gone, but for its stream. */
function opensDeleted(): Mutation {
  const ended = new Set<string>();
  return {
    request: ({ method, headers }) => {
      const id = String(headers['mcp-session-id']);
      if (method === 'DELETE') ended.add(id);
      return method === 'GET' && ended.has(id) ? 200 : undefined;
    },
  };
}

const answersDeleted = (): Mutation => ({ request: ({ method }) => (method === 'DELETE' ? 204 : undefined) });

/** An id that was never given stands for a session that is open. */
function answersUnknown(): Mutation {
  const given = new Set<string>();
  const open = new Set<string>();
  return {
    request: ({ method, headers }) => {
      const id = headers['mcp-session-id'];
      if (typeof id !== 'string') return undefined;
      if (method === 'DELETE') open.delete(id);
      const [other] = open;
      if (!given.has(id) && other !== undefined) headers['mcp-session-id'] = other;
      return undefined;
    },
    response: (_asked, headers) => {
      const id = headers['mcp-session-id'];
      if (typeof id !== 'string' || given.has(id)) return;
      given.add(id);
      open.add(id);
    },
  };
}

const forgetsListener = (): Mutation =>
  streams(every, ({ send }) => {
    let changes = 0;
    return (block) => {
      if (!isChange(block) || ++changes !== 3) send(block);
    };
  });

const tellsTwice = (): Mutation =>
  streams(every, ({ send }) => {
    let changes = 0;
    return (block) => {
      send(block);
      if (isChange(block) && ++changes === 3) send(block);
    };
  });

export const MUTANTS: readonly Mutant[] = [
  { name: 'leaks sessions', script: 'reconnection', red: ['mcp_server_sessions_after'], mutation: leaksSessions },
  {
    name: 'loses an event at resume',
    script: 'reconnection',
    red: ['mcp_events_lost', 'mcp_events_seen'],
    mutation: losesAtResume,
  },
  {
    name: 'loses an event when all come back',
    script: 'storm',
    red: ['mcp_events_lost', 'mcp_events_seen'],
    mutation: losesAtResume,
  },
  {
    name: 'repeats an event at resume',
    script: 'reconnection',
    red: ['mcp_events_duplicated'],
    mutation: repeatsAtResume,
  },
  {
    name: 'hands over a foreign event',
    script: 'reconnection',
    red: ['mcp_events_foreign'],
    mutation: handsOverForeign,
  },
  {
    name: 'changes the order of events at resume',
    script: 'reconnection',
    red: ['mcp_events_disordered'],
    mutation: swapsAtResume,
  },
  {
    name: 'gives an event the number of no event',
    script: 'reconnection',
    red: ['mcp_events_foreign', 'mcp_events_lost', 'mcp_events_seen'],
    mutation: misnumbers,
  },
  {
    name: 'answers each call with an error',
    script: 'reconnection',
    red: ['mcp_events_lost', 'mcp_events_seen'],
    mutation: failsAtTheEnd,
  },
  {
    name: 'lets nobody come back for too long',
    script: 'storm',
    red: ['mcp_storm_recovery_ms'],
    mutation: refusesWhoComesBack,
  },
  {
    name: 'leaves one stream without heartbeats',
    script: 'heartbeats',
    red: ['mcp_streams_silent', 'mcp_heartbeat_shortfall'],
    near: ['mcp_heartbeats'],
    mutation: silencesOne,
  },
  {
    name: 'drops every tenth heartbeat',
    script: 'heartbeats',
    red: ['mcp_heartbeat_shortfall'],
    near: ['mcp_heartbeats'],
    mutation: dropsTenthBeat,
  },
  {
    name: 'greets each stream and drops every tenth heartbeat',
    script: 'heartbeats',
    red: ['mcp_heartbeat_shortfall'],
    near: ['mcp_heartbeats'],
    mutation: greetsAndDropsTenthBeat,
  },
  {
    name: 'beats late',
    script: 'heartbeats',
    red: ['mcp_heartbeat_shortfall', 'mcp_heartbeats'],
    mutation: beatsLate,
  },
  {
    name: 'closes streams early',
    script: 'heartbeats',
    red: ['mcp_stream_cut_early', 'mcp_streams_held', 'mcp_heartbeats'],
    mutation: closesEarly,
  },
  { name: 'answers a deleted session', script: 'sessions', red: ['mcp_session_ok'], mutation: answersDeleted },
  {
    name: 'opens the stream of a deleted session',
    script: 'sessions',
    red: ['mcp_session_ok'],
    mutation: opensDeleted,
  },
  {
    name: 'answers under an unknown session id',
    script: 'sessions',
    red: ['mcp_session_ok'],
    mutation: answersUnknown,
  },
  {
    name: 'forgets a listener at a change',
    script: 'listen',
    red: ['mcp_events_lost', 'mcp_events_seen'],
    mutation: forgetsListener,
  },
  { name: 'tells a change twice', script: 'listen', red: ['mcp_events_duplicated'], mutation: tellsTwice },
];

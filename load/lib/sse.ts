/** Reading a whole or torn body of an event stream (WHATWG HTML, 9.2.6). Pure. */

export interface StreamEvent {
  /** The last event id in force when the event ended; empty when there was none. */
  readonly id: string;
  /** `message` when the event names none. */
  readonly type: string;
  /** Empty for an event that only gives an id, as the priming event of 2025-11-25 does; such an event says nothing. */
  readonly data: string;
}

export interface StreamBody {
  /** Whole events, in order. One that a cut left without its blank line is not among them. */
  readonly events: StreamEvent[];
  /** Comment lines that came whole: heartbeats, and with some servers the first byte. */
  readonly comments: number;
  /** The id to come back with: that of the last whole event that had one; empty when none did. */
  readonly lastId: string;
  /** Milliseconds to wait before coming back; undefined when the stream did not say. */
  readonly retry_ms: number | undefined;
}

/** @param lastId the id in force before this body: that which the stream was resumed with */
export function readStream(body: string, lastId = ''): StreamBody {
  const events: StreamEvent[] = [];
  let comments = 0;
  let retry_ms: number | undefined;
  let dispatched = lastId;
  let id = lastId;
  let type = '';
  let data: string[] = [];
  let some = false;
  for (const line of wholeLines(body)) {
    if (line === '') {
      if (some) {
        dispatched = id;
        events.push({ id, type: type === '' ? 'message' : type, data: data.join('\n') });
      }
      type = '';
      data = [];
      some = false;
      continue;
    }
    if (line.startsWith(':')) {
      comments++;
      continue;
    }
    const colon = line.indexOf(':');
    const field = colon < 0 ? line : line.slice(0, colon);
    const value = colon < 0 ? '' : line.slice(line.charAt(colon + 1) === ' ' ? colon + 2 : colon + 1);
    if (field === 'data') data.push(value);
    else if (field === 'event') type = value;
    else if (field === 'id' && !value.includes('\0')) id = value;
    else if (field === 'retry' && /^\d+$/.test(value)) retry_ms = Number(value);
    if (field === 'data' || field === 'id') some = true;
  }
  return { events, comments, lastId: dispatched, retry_ms };
}

/** Lines with an end; what follows the last end was cut. */
function wholeLines(body: string): string[] {
  const lines = (body.startsWith('\uFEFF') ? body.slice(1) : body).split(/\r\n|\n|\r/);
  lines.pop();
  return lines;
}

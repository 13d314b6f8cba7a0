/** What was said on the streams of one session, for whoever comes back: an id names its stream and counts on. */

interface Event<Message> {
  streamId: string;
  id: string;
  message: Message;
}

/** The store that both versions of the SDK leave to their users; one for each session. */
export function eventStore<Message extends object>() {
  const events: Event<Message>[] = [];
  return {
    async storeEvent(streamId: string, message: Message): Promise<string> {
      const id = `${streamId}:${events.length}`;
      events.push({ streamId, id, message });
      return id;
    },

    async getStreamIdForEventId(eventId: string): Promise<string | undefined> {
      return events.find(({ id }) => id === eventId)?.streamId;
    },

    async replayEventsAfter(
      lastEventId: string,
      { send }: { send: (eventId: string, message: Message) => Promise<void> },
    ): Promise<string> {
      const last = events.findIndex(({ id }) => id === lastEventId);
      const streamId = events[last]?.streamId;
      if (streamId === undefined) throw new Error('no such event');
      for (const event of events.slice(last + 1)) {
        // A stream begins with an event that is no message.
        if (event.streamId === streamId && 'jsonrpc' in event.message) await send(event.id, event.message);
      }
      return streamId;
    },
  };
}

/** What the measures of streams ask of a target in its environment. */

/** The ticker is served; where a target has a choice it answers by events, and keeps them so that they can be asked for again. */
export const streaming = process.env.BENCH_STREAMS !== undefined;
/** Time between two heartbeats of a quiet stream, ms; for this server a knob of its own. */
export const heartbeat_ms = Number(process.env.MCP_HEARTBEAT ?? 6000);

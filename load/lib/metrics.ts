/** What the scripts measure beside k6's own metrics. One table: scripts that run together count into the same ones. */

import { Counter, Gauge, Rate, Trend } from 'k6/metrics';

// ---- sessions ----
/** Sessions that initialize began. */
export const sessionsOpened = new Counter('mcp_sessions_opened');
/** Sessions of which every step went as it should: initialize, initialized, calls, delete, gone. */
export const sessionOk = new Rate('mcp_session_ok');
/** From sending initialize until initialized was accepted, ms. */
export const sessionSetup = new Trend('mcp_session_setup_ms', true);

// ---- calls ----
export const calls = new Counter('mcp_calls');
/** Answered with a result that says no error. */
export const callOk = new Rate('mcp_call_ok');
/** Ok, and within the budget. */
export const callWithin = new Rate('mcp_call_within');
export const callTime = new Trend('mcp_call_ms', true);

// ---- streams ----
/** Streams that were open as long as they were meant to be. */
export const streamsHeld = new Counter('mcp_streams_held');
/** Until the first byte, ms. */
export const streamOpen = new Trend('mcp_stream_open_ms', true);
/** Streams refused, or ended before anybody asked for their end. */
export const streamCutEarly = new Rate('mcp_stream_cut_early');
/** Streams that were still open long after their session was deleted, or after the answer of their call. */
export const streamsUnclosed = new Counter('mcp_streams_unclosed');
/** Streams that were not open when the changes began: no number of theirs counts. */
export const streamsLate = new Counter('mcp_streams_late');
export const heartbeats = new Counter('mcp_heartbeats');
/** Life of a stream divided by its heartbeats, ms. */
export const heartbeatPeriod = new Trend('mcp_heartbeat_period_ms', true);
/** Streams with fewer heartbeats than their life needed. */
export const heartbeatShortfall = new Rate('mcp_heartbeat_shortfall');
/** Streams whose life needed heartbeats, and that had none at all. */
export const streamsSilent = new Counter('mcp_streams_silent');

/**
 * Requests of the target to its client (ping, sampling, elicitation) that came on streams. Nobody here answers them, for a
 * script sees a stream when it is over; a target may end the session for that.
 */
export const requestsUnanswered = new Counter('mcp_requests_unanswered');

// ---- events ----
/** Different events that came: numbered ones and the answers of their calls, or change notifications. */
export const eventsSeen = new Counter('mcp_events_seen');
export const eventsLost = new Counter('mcp_events_lost');
export const eventsDuplicated = new Counter('mcp_events_duplicated');
/** Events of another stream, or with a number that their call does not have. */
export const eventsForeign = new Counter('mcp_events_foreign');
/** Events that came after one that follows them: progress must increase. */
export const eventsDisordered = new Counter('mcp_events_disordered');
/** Changes that were made while listeners listened. */
export const changesMade = new Counter('mcp_changes_made');

// ---- reconnection ----
/** Streams that ended before the answer, by `how`: client, server, torn. */
export const streamsCut = new Counter('mcp_streams_cut');
export const reconnects = new Counter('mcp_reconnects');
/** Attempts to resume that gave a stream. */
export const reconnectOk = new Rate('mcp_reconnect_ok');
/** From sending the GET with Last-Event-ID until its first byte, ms. */
export const resumeTime = new Trend('mcp_resume_ms', true);
/** From the moment all streams were cut until the first byte of the one that came back, ms; its maximum is when all were back. */
export const stormRecovery = new Trend('mcp_storm_recovery_ms', true);
export const streamsBack = new Counter('mcp_streams_back');

// ---- the target's own numbers ----
/** Readings of the target's metrics. */
export const numbersRead = new Counter('mcp_server_numbers_read');
/** The last reading told all that the first one did. */
export const numbersAfter = new Counter('mcp_server_numbers_after');
/** CPU time by the time that passed since the reading before: 1 is one core. */
export const serverCpu = new Trend('mcp_server_cpu_share');
export const serverMemory = new Trend('mcp_server_memory_bytes');
export const serverSessions = new Trend('mcp_server_sessions');
export const serverStreams = new Trend('mcp_server_streams');
/** What is more than before the run when it is over. */
export const sessionsAfter = new Gauge('mcp_server_sessions_after');
export const streamsAfter = new Gauge('mcp_server_streams_after');
export const descriptorsAfter = new Gauge('mcp_server_descriptors_after');
/** Growth of memory after the warm-up, bytes a minute, and the standard error of it. */
export const memorySlope = new Gauge('mcp_server_memory_slope');
export const memorySlopeError = new Gauge('mcp_server_memory_slope_error');
/** The least growth that the samples leave possible (slope less three standard errors), bytes a minute. */
export const memoryGrowth = new Gauge('mcp_server_memory_growth');
/** The same of descriptors, a minute. */
export const descriptorsGrowth = new Gauge('mcp_server_descriptors_growth');
export const memorySamples = new Counter('mcp_server_memory_samples');

/** What only running processes can show: how they end, what they refuse, whom they know, what they tell the operator. */

import { describe, type TestContext, test } from 'node:test';
import { asksTheIssuer, knowsItsCallers } from './production/authorization.ts';
import {
  closesAfterItsCalls,
  closesAtOnceWhenAskedAgain,
  cutsWhatLastsTooLong,
  endsAtOnceWhenIdle,
  finishesItsCalls,
  servesOnWhileItGoes,
} from './production/drain.ts';
import { boundsHeaders, cutsSlowRequests, holds, keepsConnections } from './production/hardening.ts';
import { limitsByAddress, limitsBySession, limitsBySubject, limitsInitialize } from './production/limits.ts';
import { tellsArgumentsWhenAsked, tellsOfEachRequest } from './production/logs.ts';
import { tellsLoopback, tellsWhoHasTheToken } from './production/operator.ts';
import { keepsSecrets, startsWithoutTelling } from './production/secrets.ts';
import { loadsNoTelemetry } from './production/telemetry.ts';
import { RUNTIMES } from './runtimes/start.ts';

/** Servers at once; most of the time they wait. */
const AT_ONCE = { concurrency: 4 };
/** Runtimes that hear signals. */
const SIGNALLED = RUNTIMES.filter((runtime) => runtime !== 'workerd');

describe('production', { concurrency: 2 }, () => {
  describe('drain', AT_ONCE, () => {
    for (const runtime of SIGNALLED) {
      test(`${runtime}: it serves on while it goes, and a second signal ends it at once`, () =>
        servesOnWhileItGoes(runtime));
      test(`${runtime}: streams end, calls finish whole, the exit is 0`, () => finishesItsCalls(runtime));
      test(`${runtime}: calls that last too long are cut`, () => cutsWhatLastsTooLong(runtime));
    }
    test('close() resolves after the calls, and refuses what comes', closesAfterItsCalls);
    test('close() asked again waits no longer', closesAtOnceWhenAskedAgain);
  });

  describe('idle', { concurrency: true }, () => {
    for (const runtime of SIGNALLED) {
      for (const signal of ['SIGTERM', 'SIGINT'] as const) {
        test(`${runtime}: ${signal} ends an idle server at once`, () => endsAtOnceWhenIdle(runtime, signal));
      }
    }
  });

  describe('hardening', AT_ONCE, () => {
    test('node: a request that is not whole in time is cut', cutsSlowRequests);
    test('node: a head has a bound', boundsHeaders);
    test('node: a quiet connection is kept for as long as the knob says', keepsConnections);
    for (const runtime of RUNTIMES) {
      test(`${runtime}: URLs, methods, hosts, names`, (t) =>
        holds(runtime, (text) => (t as TestContext).diagnostic(`${runtime}: ${text}`)));
    }
  });

  describe('authorization', AT_ONCE, () => {
    for (const runtime of RUNTIMES) {
      test(`${runtime}: tokens by a secret, with each challenge word for word`, () => knowsItsCallers(runtime));
      test(`${runtime}: tokens by an issuer, whose keys change and who is away`, () => asksTheIssuer(runtime));
    }
  });

  describe('limits', AT_ONCE, () => {
    for (const runtime of RUNTIMES) {
      test(`${runtime}: by address, behind a trusted proxy`, () => limitsByAddress(runtime));
      test(`${runtime}: by session`, () => limitsBySession(runtime));
      test(`${runtime}: by subject`, () => limitsBySubject(runtime));
      test(`${runtime}: of sessions begun`, () => limitsInitialize(runtime));
    }
  });

  describe('operator', AT_ONCE, () => {
    for (const runtime of RUNTIMES) {
      test(`${runtime}: details are for loopback without a proxy`, () => tellsLoopback(runtime));
      test(`${runtime}: details are for who has the token`, () => tellsWhoHasTheToken(runtime));
      test(`${runtime}: one line of JSON for each request`, () => tellsOfEachRequest(runtime));
      test(`${runtime}: arguments are logged where that is asked for`, () => tellsArgumentsWhenAsked(runtime));
    }
    test('node: without an SDK nothing of OpenTelemetry is loaded', loadsNoTelemetry);
  });

  describe('secrets', AT_ONCE, () => {
    for (const runtime of RUNTIMES) {
      test(`${runtime}: nothing planted is found in what the server says`, () => keepsSecrets(runtime));
    }
    test('node: a start that fails tells no secret', startsWithoutTelling);
  });
});

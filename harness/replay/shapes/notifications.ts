/** Notifications of a server. */

import {
  CancelledNotificationParamsSchema,
  LoggingMessageNotificationParamsSchema,
  ProgressNotificationParamsSchema,
  SubscriptionFilterSchema,
} from '@modelcontextprotocol/core';
import { isRecord, show } from '../match.ts';
import { META } from '../protocol.ts';
import { clientDeclares, clientTakesUrls, serverDeclares } from './capabilities.ts';
import type { Heard } from './heard.ts';
import { checkMeta } from './meta.ts';
import { fits } from './official.ts';
import { checkDetailedTask, checkTask, checkTasksExtension } from './tasks.ts';
import { checkUri } from './uri.ts';

type Params = Record<string, unknown>;

interface Notification {
  /** The first and the last revision that has it; without them, all have. */
  readonly since?: string;
  readonly until?: string;
  /** What the server must have declared to send it. */
  readonly capability?: string;
  /** In 2026-07-28 it comes on listen streams only. */
  readonly listened?: true;
  readonly check: (heard: Heard, params: Params) => void;
}

const NO_PARAMS = () => {};

const NOTIFICATIONS: Record<string, Notification | undefined> = {
  'notifications/cancelled': { check: checkCancelled },
  'notifications/progress': {
    check: (heard, params) => {
      fits(heard, ProgressNotificationParamsSchema, params, 'progress', 'params', ['_meta']);
    },
  },
  'notifications/message': { capability: 'logging', check: checkLog },
  'notifications/resources/updated': { capability: 'resources.subscribe', listened: true, check: checkUpdated },
  'notifications/resources/list_changed': { capability: 'resources.listChanged', listened: true, check: NO_PARAMS },
  'notifications/tools/list_changed': { capability: 'tools.listChanged', listened: true, check: NO_PARAMS },
  'notifications/prompts/list_changed': { capability: 'prompts.listChanged', listened: true, check: NO_PARAMS },
  'notifications/elicitation/complete': { since: '2025-11-25', until: '2025-11-25', check: checkElicited },
  'notifications/tasks/status': { since: '2025-11-25', until: '2025-11-25', check: checkStatus },
  'notifications/subscriptions/acknowledged': { since: '2026-07-28', listened: true, check: checkAcknowledged },
  'notifications/tasks': {
    since: '2026-07-28',
    listened: true,
    check: (heard, params) => {
      checkTasksExtension(heard, 'params');
      checkDetailedTask(heard, params, 'params');
    },
  },
};

const OF_CLIENTS = ['notifications/initialized', 'notifications/roots/list_changed'];
/** Which member of an acknowledgment stands for which capability. */
const HONOURED: Record<string, string> = {
  toolsListChanged: 'tools.listChanged',
  promptsListChanged: 'prompts.listChanged',
  resourcesListChanged: 'resources.listChanged',
  resourceSubscriptions: 'resources.subscribe',
};

export function checkNotification(heard: Heard, method: string, params: unknown): void {
  const known = Object.hasOwn(NOTIFICATIONS, method) ? NOTIFICATIONS[method] : undefined;
  if (!known) {
    if (OF_CLIENTS.includes(method)) heard.tell('client-method', 'method', `${method} is sent by clients only`);
    else heard.tell('unknown-notification', 'method', `${show(method)} is none of the specification`);
    if (isRecord(params)) checkMeta(heard, params._meta, 'params._meta');
    return;
  }
  const { since = '', until = '9', capability, listened, check } = known;
  if (heard.revision < since || heard.revision > until) {
    heard.tell('method-of-revision', 'method', `${method} is not of ${heard.revision}`);
    return;
  }
  if (capability !== undefined && !serverDeclares(heard, capability))
    heard.tell('notification-declared', 'method', `${method} came, and the server did not declare ${capability}`);
  // What is no object was told already.
  const all = isRecord(params) ? params : {};
  checkMeta(heard, all._meta, 'params._meta');
  if (listened && heard.modern) checkSubscriptionId(heard, all._meta, 'params._meta');
  check(heard, all);
}

/** Of what comes on a listen stream, and of the response that ends it. */
export function checkSubscriptionId(heard: Heard, meta: unknown, path: string): void {
  const id = isRecord(meta) ? meta[`${META}subscriptionId`] : undefined;
  if (typeof id !== 'string' && !Number.isInteger(id))
    heard.tell('subscription-id', path, `must have the id of the listen request as subscriptionId, got ${show(id)}`);
}

function checkCancelled(heard: Heard, params: Params): void {
  if (heard.modern) heard.tell('cancelled-modern', 'method', 'nothing is cancelled by a server of 2026-07-28');
  fits(heard, CancelledNotificationParamsSchema, params, 'cancelled', 'params', ['_meta']);
  if (params.requestId === undefined) heard.tell('cancelled', 'params.requestId', 'must be there');
}

/** The official schema takes a message without data. */
function checkLog(heard: Heard, params: Params): void {
  fits(heard, LoggingMessageNotificationParamsSchema, params, 'log', 'params', ['_meta', 'data']);
  if (params.data === undefined) heard.tell('log', 'params.data', 'must be there');
}

function checkUpdated(heard: Heard, { uri }: Params): void {
  if (typeof uri !== 'string') heard.tell('notification-params', 'params.uri', `must be a text, got ${show(uri)}`);
  checkUri(heard, uri, 'params.uri');
}

function checkElicited(heard: Heard, { elicitationId }: Params): void {
  if (typeof elicitationId !== 'string')
    heard.tell('notification-params', 'params.elicitationId', `must be a text, got ${show(elicitationId)}`);
  if (!clientTakesUrls(heard))
    heard.tell('elicitation-mode', 'method', 'is about a URL, and the client did not declare elicitation by URL');
}

function checkStatus(heard: Heard, params: Params): void {
  if (!serverDeclares(heard, 'tasks') && !clientDeclares(heard, 'tasks'))
    heard.tell('notification-declared', 'method', 'notifications/tasks/status came, and nobody declared tasks');
  checkTask(heard, params, 'params');
  if (isRecord(params._meta) && params._meta[`${META}related-task`] !== undefined)
    heard.tell('related-task-superfluous', 'params._meta', 'names the task, which is there');
}

function checkAcknowledged(heard: Heard, { notifications }: Params): void {
  const path = 'params.notifications';
  if (!fits(heard, SubscriptionFilterSchema, notifications, 'acknowledged', path) || !isRecord(notifications)) return;
  const { taskIds } = notifications;
  if (taskIds !== undefined && !(Array.isArray(taskIds) && taskIds.every((one) => typeof one === 'string')))
    heard.tell('acknowledged', `${path}.taskIds`, `must be a list of texts, got ${show(taskIds)}`);
  for (const [member, capability] of Object.entries(HONOURED)) {
    const value = notifications[member];
    const isHonoured = value === true || (Array.isArray(value) && value.length > 0);
    if (isHonoured && !serverDeclares(heard, capability))
      heard.tell(
        'acknowledged-declared',
        `${path}.${member}`,
        `is honoured, and the server did not declare ${capability}`,
      );
  }
}

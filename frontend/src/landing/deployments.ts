// SPDX-License-Identifier: MIT
// What this tab knows of the deployments it started. Pure: state in, state out.
import type { CreatedInstance, Instance, LocalText } from '../shared/types';
import { PHASES, type Phase } from '../shared/types';

export interface ProductRef {
  id: string;
  name?: LocalText;
  icon?: string | null;
}

export interface Deployment {
  id: string;
  /** Reads the credentials; null where the server gave none, and where it was not kept. */
  token: string | null;
  /** There was a token, and a reload has lost it. */
  forgotten?: boolean;
  product: ProductRef;
  client: string;
  /** This browser's clock, ms: the server's may differ. */
  startedAt: number;
  endedAt: number | null;
  instance: Instance;
  /** Index in PHASES of the furthest phase seen. */
  reached: number;
  /** 0 to 1, never falling. */
  progress: number;
  /** The server does not answer at the moment. */
  lost: boolean;
}

export interface State {
  /** Newest first. */
  items: Deployment[];
  /** The deployment whose dialog is open. */
  openId: string | null;
}

export type Action =
  | {
      type: 'added';
      created: CreatedInstance;
      product: ProductRef;
      client: string;
      replaces?: string;
      now: number;
    }
  | { type: 'seen'; id: string; instance: Instance; now: number }
  | { type: 'lost'; id: string }
  | { type: 'gone'; id: string; now: number }
  | { type: 'removed'; id: string }
  | { type: 'opened'; id: string | null };

export const MOST_KEPT = 50;
const LAST = PHASES.length - 1;

export function isSettled(instance: Instance): boolean {
  return instance.status !== 'pending' && instance.status !== 'deleting';
}

/**
 * A sleeping application wakes when it is opened, so its link is as good. A status that these pages do not know is a
 * newer server's or was stored by one: such an instance is routed.
 */
export function isUsable(instance: Instance): boolean {
  return !['pending', 'failed', 'deleting', 'deleted'].includes(instance.status);
}

export function phaseIndex(phase: string | undefined): number {
  return PHASES.indexOf(phase as Phase);
}

function clamp01(value: number): number {
  return Math.min(Math.max(value, 0), 1);
}

/** The deployment after a report. Reports may come late or twice, by stream and by poll. */
export function advance(old: Deployment, instance: Instance, now: number): Deployment {
  const late = isSettled(old.instance) && instance.status === 'pending';
  if (late) return old.lost ? { ...old, lost: false } : old;
  const usable = isUsable(instance);
  const reached = usable ? LAST : Math.max(old.reached, phaseIndex(instance.phase));
  const told = typeof instance.progress === 'number' ? instance.progress : reached / LAST;
  return {
    ...old,
    instance,
    reached,
    progress: usable ? 1 : Math.max(old.progress, clamp01(told)),
    endedAt: isSettled(instance) ? (old.endedAt ?? now) : null,
    lost: false,
  };
}

function begin(action: Extract<Action, { type: 'added' }>): Deployment {
  // The token has its own field; the instance is kept as any later report gives it.
  const { access_token: token, ...instance } = action.created;
  const blank: Deployment = {
    id: instance.id,
    token: token ?? null,
    product: { id: action.product.id, name: action.product.name, icon: action.product.icon },
    client: action.client,
    startedAt: action.now,
    endedAt: null,
    instance: { ...instance, status: 'pending' },
    reached: 0,
    progress: 0,
    lost: false,
  };
  return advance(blank, instance, action.now);
}

function add(state: State, action: Extract<Action, { type: 'added' }>): State {
  const fresh = begin(action);
  // A repeated call (same idempotency key) answers with an instance that is known already.
  const known = state.items.find((d) => d.id === fresh.id);
  const item = known ? { ...fresh, token: fresh.token ?? known.token } : fresh;
  const others = state.items.filter((d) => d.id !== fresh.id && d.id !== action.replaces);
  return { items: [item, ...others].slice(0, MOST_KEPT), openId: item.id };
}

function change(state: State, id: string, to: (d: Deployment) => Deployment): State {
  const items = state.items.map((d) => (d.id === id ? to(d) : d));
  return items.every((d, i) => d === state.items[i]) ? state : { ...state, items };
}

export function reduce(state: State, action: Action): State {
  switch (action.type) {
    case 'added':
      return add(state, action);
    case 'seen':
      return change(state, action.id, (d) => advance(d, action.instance, action.now));
    case 'lost':
      return change(state, action.id, (d) => (d.lost ? d : { ...d, lost: true }));
    case 'gone':
      return change(state, action.id, (d) =>
        advance(d, { ...d.instance, status: 'deleted' }, action.now),
      );
    case 'removed':
      return {
        items: state.items.filter((d) => d.id !== action.id),
        openId: state.openId === action.id ? null : state.openId,
      };
    case 'opened':
      return state.openId === action.id ? state : { ...state, openId: action.id };
  }
}

export type StepState = 'done' | 'current' | 'failed' | 'todo';

/** Where a failed deployment stopped: the failed step where it is a phase, else the furthest. */
export function failedAt(deployment: Deployment): number {
  const step = phaseIndex(deployment.instance.error?.step);
  return step >= 0 ? step : deployment.reached;
}

export function checklist(deployment: Deployment): { phase: Phase; state: StepState }[] {
  const failed = deployment.instance.status === 'failed';
  const at = failed ? failedAt(deployment) : deployment.reached;
  const complete = isUsable(deployment.instance);
  return PHASES.map((phase, i) => {
    if (complete || i < at) return { phase, state: 'done' };
    if (i > at) return { phase, state: 'todo' };
    return { phase, state: failed ? 'failed' : 'current' };
  });
}

export function elapsedMs(deployment: Deployment, now: number): number {
  return Math.max(0, (deployment.endedAt ?? now) - deployment.startedAt);
}

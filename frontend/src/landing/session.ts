// SPDX-License-Identifier: MIT
// The tab's deployments survive its reload. Session storage belongs to this tab alone, and a page
// opened without an opener does not inherit it: the customers' applications, which share our
// origin, never see the access tokens.
import { isInstance } from '../shared/api';
import { type Deployment, MOST_KEPT, type State } from './deployments';

const KEY = 'ark.deployments';

export type Storage = Pick<globalThis.Storage, 'getItem' | 'setItem'>;

function isDeployment(value: unknown): value is Deployment {
  if (typeof value !== 'object' || value === null) return false;
  const d = value as Record<string, unknown>;
  return (
    typeof d.id === 'string' &&
    (d.token === null || typeof d.token === 'string') &&
    typeof d.product === 'object' &&
    d.product !== null &&
    typeof (d.product as Record<string, unknown>).id === 'string' &&
    typeof d.client === 'string' &&
    typeof d.startedAt === 'number' &&
    (d.endedAt === null || typeof d.endedAt === 'number') &&
    typeof d.reached === 'number' &&
    typeof d.progress === 'number' &&
    isInstance(d.instance)
  );
}

/** What an earlier load of this tab left; whatever cannot be read is left out. */
export function loadState(storage: () => Storage): State {
  try {
    const parsed: unknown = JSON.parse(storage().getItem(KEY) ?? 'null');
    const { items, openId } = parsed as { items: unknown[]; openId: unknown };
    const kept = items.filter(isDeployment).slice(0, MOST_KEPT);
    const open = kept.find((d) => d.id === openId);
    return { items: kept.map((d) => ({ ...d, lost: false })), openId: open ? open.id : null };
  } catch {
    return { items: [], openId: null };
  }
}

export function saveState(storage: () => Storage, state: State): void {
  try {
    storage().setItem(KEY, JSON.stringify(state));
  } catch {
    // Full or switched off: the page works on, a reload forgets.
  }
}

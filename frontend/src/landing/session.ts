// SPDX-License-Identifier: MIT
// The tab's deployments survive its reload, and a token does where it must: so that credentials that
// have not been written down are found again. Session storage belongs to this tab and to our origin,
// which applications do not share. Where a host has one origin for all, an application that is opened
// in this very tab could read it, so no token is kept there.
import { isInstance } from '../shared/api';
import { type Deployment, isUsable, MOST_KEPT, type State } from './deployments';

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

function sharesOurOrigin({ instance }: Deployment): boolean {
  return !instance.public_url || instance.public_url === instance.access_url;
}

/** Needed while it may still be shown, and safe to keep. */
function keepsToken(deployment: Deployment): boolean {
  const { instance } = deployment;
  const shown = instance.status === 'pending' || isUsable(instance);
  return shown && !sharesOurOrigin(deployment);
}

function kept(deployment: Deployment): Deployment {
  if (deployment.token === null || keepsToken(deployment)) return deployment;
  return { ...deployment, token: null, forgotten: true };
}

/** What an earlier load of this tab left; whatever cannot be read is left out. */
export function loadState(storage: () => Storage): State {
  try {
    const parsed: unknown = JSON.parse(storage().getItem(KEY) ?? 'null');
    const { items, openId } = parsed as { items: unknown[]; openId: unknown };
    const found = items.filter(isDeployment).slice(0, MOST_KEPT);
    const open = found.find((d) => d.id === openId);
    return { items: found.map((d) => ({ ...d, lost: false })), openId: open ? open.id : null };
  } catch {
    return { items: [], openId: null };
  }
}

export function saveState(storage: () => Storage, state: State): void {
  try {
    storage().setItem(KEY, JSON.stringify({ ...state, items: state.items.map(kept) }));
  } catch {
    // Full or switched off: the page works on, a reload forgets.
  }
}

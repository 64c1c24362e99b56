// SPDX-License-Identifier: MIT
import { describe, expect, it } from 'vitest';
import type { CreatedInstance, Instance } from '../shared/types';
import {
  type Action,
  checklist,
  type Deployment,
  elapsedMs,
  MOST_KEPT,
  reduce,
  type State,
} from './deployments';

const EMPTY: State = { items: [], openId: null };

function instance(over: Partial<Instance> = {}): Instance {
  return {
    id: 'client_a',
    product_id: 'miniflux',
    client_name: 'Acme',
    status: 'pending',
    phase: 'queued',
    progress: 0,
    ...over,
  };
}

function added(over: Partial<CreatedInstance> = {}, more: Partial<Action> = {}): Action {
  const created = { ...instance(over), access_token: over.access_token ?? 'tok' };
  const product = { id: 'miniflux', name: 'Miniflux' };
  return { type: 'added', created, product, client: 'Acme', now: 1000, ...more } as Action;
}

function run(...actions: Action[]): State {
  return actions.reduce(reduce, EMPTY);
}

function seen(over: Partial<Instance>, now = 2000): Action {
  return { type: 'seen', id: over.id ?? 'client_a', instance: instance(over), now };
}

function first(state: State): Deployment {
  const [item] = state.items;
  if (!item) throw new Error('no deployment');
  return item;
}

const states = (d: Deployment) => checklist(d).map(({ state }) => state[0]);

describe('a deployment', () => {
  it('begins queued, open, with its token apart from the instance', () => {
    const state = run(added());
    expect(state.openId).toBe('client_a');
    expect(first(state)).toMatchObject({ token: 'tok', reached: 0, startedAt: 1000 });
    expect(JSON.stringify(first(state).instance)).not.toContain('tok');
    expect(states(first(state)).join('')).toBe('cttttttt');
  });

  it('moves on through the phases', () => {
    const d = first(run(added(), seen({ phase: 'database', progress: 0.5 })));
    expect(d).toMatchObject({ reached: 4, progress: 0.5, endedAt: null });
    expect(states(d).join('')).toBe('ddddcttt');
  });

  it('never moves back: reports may come late or in parallel', () => {
    const d = first(
      run(
        added(),
        seen({ phase: 'app', progress: 0.7, message: 'new' }),
        seen({ phase: 'volume', progress: 0.4, message: 'old' }),
      ),
    );
    expect(d).toMatchObject({ reached: 5, progress: 0.7 });
  });

  it('bears phases and progress that it does not know', () => {
    const d = first(
      run(
        added(),
        seen({ phase: 'image', progress: 0.2 }),
        seen({ phase: 'polish', progress: 7 }),
        seen({ phase: undefined, progress: Number.NEGATIVE_INFINITY }),
      ),
    );
    expect(d).toMatchObject({ reached: 1, progress: 1 });
  });

  it('takes its progress from the phase where none is told', () => {
    const d = first(
      run(added({ progress: undefined }), seen({ phase: 'health', progress: undefined })),
    );
    expect(d.progress).toBeCloseTo(6 / 7);
  });

  it('is complete when it runs, and a late pending report does not undo that', () => {
    const d = first(
      run(
        added(),
        seen({ status: 'running', phase: 'ready', progress: 0.99 }, 5000),
        seen({ status: 'pending', phase: 'app', progress: 0.6 }, 6000),
      ),
    );
    expect(d.instance.status).toBe('running');
    expect(d).toMatchObject({ progress: 1, endedAt: 5000 });
    expect(states(d).join('')).toBe('dddddddd');
    expect(elapsedMs(d, 99_000)).toBe(4000);
  });

  it('may be running at once', () => {
    const d = first(run(added({ status: 'running', phase: 'ready', progress: 1 })));
    expect(d).toMatchObject({ progress: 1, endedAt: 1000 });
  });

  it('fails at the step it names, or else where it was', () => {
    const named = seen({ status: 'failed', phase: 'app', error: { step: 'image', reason: 'x' } });
    expect(states(first(run(added(), named))).join('')).toBe('dftttttt');
    const unnamed = seen({ status: 'failed', phase: 'app', error: { step: 'undo', reason: 'x' } });
    expect(states(first(run(added(), unnamed))).join('')).toBe('dddddftt');
  });

  it('knows when the server is lost and when it is back', () => {
    const lost = run(added(), { type: 'lost', id: 'client_a' });
    expect(first(lost).lost).toBe(true);
    expect(first(reduce(lost, seen({ phase: 'image' }))).lost).toBe(false);
  });

  it('that is gone is kept as deleted', () => {
    const d = first(run(added(), { type: 'gone', id: 'client_a', now: 3000 }));
    expect(d.instance.status).toBe('deleted');
    expect(d.endedAt).toBe(3000);
  });
});

describe('the list', () => {
  it('has the newest first, each id once, the token not lost to a repeated call', () => {
    const again = added({ id: 'client_a' });
    if (again.type === 'added') delete again.created.access_token;
    const state = run(added(), added({ id: 'client_b' }), again);
    expect(state.items.map((d) => d.id)).toEqual(['client_a', 'client_b']);
    expect(first(state).token).toBe('tok');
  });

  it('puts a second try in the place of the failed one', () => {
    const retry = added({ id: 'client_b' }, { replaces: 'client_a' } as Partial<Action>);
    expect(run(added(), retry).items.map((d) => d.id)).toEqual(['client_b']);
  });

  it('is bounded', () => {
    const many = Array.from({ length: MOST_KEPT + 10 }, (_, i) => added({ id: `client_${i}` }));
    expect(run(...many).items).toHaveLength(MOST_KEPT);
  });

  it('stays the same object where nothing changed', () => {
    const state = run(added());
    expect(reduce(state, { type: 'lost', id: 'client_z' })).toBe(state);
    expect(reduce(state, { type: 'opened', id: 'client_a' })).toBe(state);
  });

  it('closes what it forgets', () => {
    expect(run(added(), { type: 'removed', id: 'client_a' })).toEqual(EMPTY);
  });
});

// SPDX-License-Identifier: MIT
import { expect, it } from 'vitest';
import { type Deployment, reduce, type State } from './deployments';
import { loadState, type Storage, saveState } from './session';

function memory(initial: string | null = null): Storage & { value: string | null } {
  return {
    value: initial,
    getItem() {
      return this.value;
    },
    setItem(_: string, value: string) {
      this.value = value;
    },
  };
}

const STATE: State = reduce(
  { items: [], openId: null },
  {
    type: 'added',
    created: {
      id: 'client_a',
      product_id: 'miniflux',
      client_name: 'Acme',
      status: 'pending',
      access_url: 'http://ark:3000/instances/client_a/',
      public_url: 'http://ark:3002/instances/client_a/',
      access_token: 'tok',
    },
    product: { id: 'miniflux', name: { es: 'Lector', en: 'Reader' }, icon: null },
    client: 'Acme',
    now: 1000,
  },
);

it('finds after a reload what was saved', () => {
  const store = memory();
  saveState(() => store, STATE);
  expect(loadState(() => store)).toEqual(STATE);
});

function seen(change: object): State {
  const instance = { ...(STATE.items[0] as Deployment).instance, ...change };
  return reduce(STATE, { type: 'seen', id: 'client_a', instance, now: 2000 });
}

function storedToken(state: State): string | null | undefined {
  const store = memory();
  saveState(() => store, state);
  expect(store.value?.includes('tok"')).toBe(loadState(() => store).items[0]?.token === 'tok');
  return loadState(() => store).items[0]?.token;
}

it('keeps the token while credentials can be shown, away from applications', () => {
  expect(storedToken(STATE)).toBe('tok');
  expect(storedToken(seen({ status: 'running' }))).toBe('tok');
});

it.each([
  { status: 'failed' },
  { status: 'deleted' },
  { public_url: 'http://ark:3000/instances/client_a/' },
  { public_url: undefined },
])('does not write the token down where it need not be: %j', (change) => {
  const state = seen(change);
  expect(storedToken(state)).toBeNull();
  expect(state.items[0]?.token).toBe('tok');
});

it('says that a token was lost', () => {
  const store = memory();
  saveState(() => store, seen({ status: 'running', public_url: undefined }));
  expect(loadState(() => store).items[0]?.forgotten).toBe(true);
});

it('forgets that the server was lost', () => {
  const store = memory();
  saveState(() => store, reduce(STATE, { type: 'lost', id: 'client_a' }));
  expect(loadState(() => store).items[0]?.lost).toBe(false);
});

it.each([
  null,
  'null',
  '{}',
  '{"items":3}',
  'not json',
  '{"items":[{"id":"x"},null,7],"openId":"x"}',
])('%j is an empty state', (stored) => {
  expect(loadState(() => memory(stored))).toEqual({ items: [], openId: null });
});

it('works without storage', () => {
  const none = () => {
    throw new Error('denied');
  };
  expect(loadState(none)).toEqual({ items: [], openId: null });
  expect(() => saveState(none, STATE)).not.toThrow();
});

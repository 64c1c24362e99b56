// SPDX-License-Identifier: MIT
import { expect, it } from 'vitest';
import { reduce, type State } from './deployments';
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

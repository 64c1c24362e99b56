// SPDX-License-Identifier: MIT
import { expect, it } from 'vitest';
import type { Instance, Status } from '../shared/types';
import { availability } from './availability';
import { STRINGS } from './strings';

function instance(status: Status, expires_at?: string | null): Instance {
  return { id: 'client_a', product_id: 'miniflux', client_name: 'Acme', status, expires_at };
}

const DAY = '2026-12-28T12:00:00.000000Z';

it('is a date in the language of the page', () => {
  expect(availability(instance('running', DAY), 'es', STRINGS.es)).toBe(
    'Disponible hasta el 28 de diciembre de 2026',
  );
  expect(availability(instance('pending', DAY), 'en', STRINGS.en)).toBe(
    'Available until 28 December 2026',
  );
});

it('may have no end', () => {
  expect(availability(instance('running', null), 'es', STRINGS.es)).toBe('No caduca');
  expect(availability(instance('sleeping', null), 'en', STRINGS.en)).toBe('Does not expire');
});

it('is said of a status that a newer version has stored', () => {
  expect(availability(instance('hibernating', null), 'en', STRINGS.en)).toBe('Does not expire');
});

it.each(['failed', 'deleting', 'deleted'] as const)('has nothing to say of one that is %s', (s) => {
  expect(availability(instance(s, DAY), 'en', STRINGS.en)).toBe('');
  expect(availability(instance(s, null), 'en', STRINGS.en)).toBe('');
});

it('says nothing where nothing was said', () => {
  expect(availability(instance('running'), 'en', STRINGS.en)).toBe('');
  expect(availability(instance('running', 'soon'), 'en', STRINGS.en)).toBe('');
});

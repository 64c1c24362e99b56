// SPDX-License-Identifier: MIT
import { afterEach, expect, it, vi } from 'vitest';
import { randomKey } from './random';

afterEach(() => vi.unstubAllGlobals());

it('makes a fresh 128-bit key without randomUUID, which plain HTTP lacks', () => {
  vi.stubGlobal('crypto', {
    getRandomValues: (bytes: Uint8Array) => bytes.map(() => Math.floor(Math.random() * 256)),
  });
  expect(randomKey()).toMatch(/^[0-9a-f]{32}$/);
  expect(randomKey()).not.toBe(randomKey());
});

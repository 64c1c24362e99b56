// SPDX-License-Identifier: MIT
import { expect, it } from 'vitest';
import { cleanName, nameFault, nameLength } from './validate';

it.each([
  ['', 'empty'],
  ['  \t ', 'empty'],
  ['a', null],
  ['Ñandú & Hijos, S.L. «日本» 🚀', null],
  ['x'.repeat(64), null],
  ['x'.repeat(65), 'long'],
  ['🚀'.repeat(64), null],
  ['🚀'.repeat(65), 'long'],
  [`  ${'x'.repeat(64)}  `, null],
  ['a\u0000b', 'unprintable'],
  ['a\nb', 'unprintable'],
  ['a\u0085b', 'unprintable'],
  ['a\u2028b', 'unprintable'],
  ['a\ud800', 'unprintable'],
  ['<b>fine</b>', null],
])('%j: %s', (name, fault) => {
  expect(nameFault(name)).toBe(fault);
});

it('counts characters, not UTF-16 units, and sends no blanks around', () => {
  expect(nameLength(' 🚀é ')).toBe(2);
  expect(cleanName('  Acme  ')).toBe('Acme');
});

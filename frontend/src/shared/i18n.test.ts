// SPDX-License-Identifier: MIT
import { describe, expect, it } from 'vitest';
import { STRINGS } from '../landing/strings';
import {
  formatDate,
  formatDuration,
  formatElapsed,
  formatPercent,
  localText,
  pickLang,
} from './i18n';

describe('pickLang', () => {
  it.each([
    [['es-MX', 'en'], 'es'],
    [['fr-FR', 'ES', 'en'], 'es'],
    [['en-GB', 'es'], 'en'],
    [['fr', 'de'], 'en'],
    [['est'], 'en'],
    [[], 'en'],
  ])('%j is %s', (preferred, lang) => {
    expect(pickLang(preferred)).toBe(lang);
  });
});

describe('localText', () => {
  it('takes the language asked for, then the other, then nothing', () => {
    expect(localText({ es: 'Lector', en: 'Reader' }, 'en')).toBe('Reader');
    expect(localText({ es: 'Lector' }, 'en')).toBe('Lector');
    expect(localText({ es: '', en: 'Reader' }, 'es')).toBe('Reader');
    expect(localText('Miniflux', 'es')).toBe('Miniflux');
    expect(localText({}, 'es')).toBe('');
    expect(localText(null, 'es')).toBe('');
  });

  it('does not pass on what is no text', () => {
    expect(localText(7 as never, 'en')).toBe('');
    expect(localText({ en: { html: 'x' } } as never, 'en')).toBe('');
  });
});

describe('formats', () => {
  it('writes elapsed time as a clock', () => {
    expect(formatElapsed(-5)).toBe('0:00');
    expect(formatElapsed(9_999)).toBe('0:09');
    expect(formatElapsed(65_000)).toBe('1:05');
    expect(formatElapsed(3_725_000)).toBe('1:02:05');
  });

  it('writes a span of time in words', () => {
    expect(formatDuration(20)).toBe('1 s');
    expect(formatDuration(12_400)).toBe('12 s');
    expect(formatDuration(65_000)).toBe('1 min 5 s');
  });

  it('writes percentages and dates in the language', () => {
    expect(formatPercent(0.456, 'en')).toBe('46%');
    expect(formatPercent(0.456, 'es')).toMatch(/^46\s%$/);
    expect(formatDate('2026-03-09T12:00:00.000000Z', 'es')).toBe('9 de marzo de 2026');
    expect(formatDate('2026-03-09T12:00:00.000000Z', 'en')).toBe('9 March 2026');
    expect(formatDate('soon', 'es')).toBe('');
  });
});

describe('the strings', () => {
  it('say something in both languages', () => {
    const empty = (value: unknown): boolean =>
      typeof value === 'object' && value !== null
        ? Object.values(value).some(empty)
        : typeof value !== 'function' && (typeof value !== 'string' || value.trim() === '');
    expect(Object.entries(STRINGS.es).filter(([, v]) => empty(v))).toEqual([]);
    expect(Object.entries(STRINGS.en).filter(([, v]) => empty(v))).toEqual([]);
  });

  it('differ between the languages wherever they are sentences', () => {
    for (const key of Object.keys(STRINGS.es) as (keyof typeof STRINGS.es)[])
      if (typeof STRINGS.es[key] === 'string') expect(STRINGS.es[key]).not.toBe(STRINGS.en[key]);
  });
});

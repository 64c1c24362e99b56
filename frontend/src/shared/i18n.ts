// SPDX-License-Identifier: MIT
import type { Lang, LocalText } from './types';

export const LANGS: readonly Lang[] = ['es', 'en'];

const STORED = 'ark.lang';

export function isLang(value: unknown): value is Lang {
  return value === 'es' || value === 'en';
}

/** The first language of the browser's list that we speak; English where there is none. */
export function pickLang(preferred: readonly string[]): Lang {
  for (const tag of preferred) {
    const base = tag.toLowerCase().split('-')[0];
    if (isLang(base)) return base;
  }
  return 'en';
}

/** The visitor's own choice wins over the browser's list. */
export function initialLang(): Lang {
  try {
    const stored = localStorage.getItem(STORED);
    if (isLang(stored)) return stored;
  } catch {
    // Storage may be switched off; the browser's list is enough.
  }
  return pickLang(navigator.languages?.length ? navigator.languages : [navigator.language ?? 'en']);
}

export function rememberLang(lang: Lang): void {
  try {
    localStorage.setItem(STORED, lang);
  } catch {
    // Then the choice lasts as long as the page.
  }
}

/** The text in this language, or else in the other one, or else ''. */
export function localText(text: LocalText | null | undefined, lang: Lang): string {
  if (typeof text === 'string') return text;
  if (typeof text !== 'object' || text === null) return '';
  const own = text[lang];
  if (typeof own === 'string' && own !== '') return own;
  for (const other of LANGS) {
    const value = text[other];
    if (typeof value === 'string' && value !== '') return value;
  }
  return '';
}

/** Seconds as m:ss, or h:mm:ss from an hour on. */
export function formatElapsed(ms: number): string {
  const total = Math.max(0, Math.floor(ms / 1000));
  const s = String(total % 60).padStart(2, '0');
  const m = Math.floor(total / 60) % 60;
  const h = Math.floor(total / 3600);
  return h > 0 ? `${h}:${String(m).padStart(2, '0')}:${s}` : `${m}:${s}`;
}

/** A span of time in words: 12 s, 1 min 5 s. */
export function formatDuration(ms: number): string {
  const total = Math.max(1, Math.round(ms / 1000));
  const minutes = Math.floor(total / 60);
  return minutes > 0 ? `${minutes} min ${total % 60} s` : `${total} s`;
}

export function formatPercent(value: number, lang: Lang): string {
  return new Intl.NumberFormat(lang, { style: 'percent' }).format(value);
}

// Our English is British; plain "en" writes dates the American way.
const DATE_LOCALE: Record<Lang, string> = { es: 'es', en: 'en-GB' };

export function formatDate(iso: string, lang: Lang): string {
  const date = new Date(iso);
  if (Number.isNaN(date.getTime())) return '';
  return new Intl.DateTimeFormat(DATE_LOCALE[lang], { dateStyle: 'long' }).format(date);
}

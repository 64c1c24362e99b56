// SPDX-License-Identifier: MIT

export const NAME_MAX = 64;

export type NameFault = 'empty' | 'long' | 'unprintable';

// Control characters, lone surrogates, private use, line and paragraph separators. What else is
// printable is the server's to say.
const UNPRINTABLE = /[\p{Cc}\p{Cs}\p{Co}\p{Zl}\p{Zp}]/u;

/** What is sent: the name without blanks around it. */
export function cleanName(name: string): string {
  return name.trim();
}

/** Characters as the server counts them: code points, not UTF-16 units. */
export function nameLength(name: string): number {
  return [...cleanName(name)].length;
}

/** The rule a customer's name breaks, or null: 1 to 64 printable characters. */
export function nameFault(name: string): NameFault | null {
  const clean = cleanName(name);
  if (clean === '') return 'empty';
  if (UNPRINTABLE.test(clean)) return 'unprintable';
  if (nameLength(clean) > NAME_MAX) return 'long';
  return null;
}

// SPDX-License-Identifier: MIT

/** 128 random bits as hex. crypto.randomUUID exists on secure origins only; this page is plain HTTP. */
export function randomKey(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return Array.from(bytes, (b) => b.toString(16).padStart(2, '0')).join('');
}

// SPDX-License-Identifier: MIT
import { useEffect, useState } from 'react';

/** The time in ms, renewed each second while something on the page runs. */
export function useNow(running: boolean): number {
  const [now, setNow] = useState(Date.now);
  useEffect(() => {
    if (!running) return;
    setNow(Date.now());
    const timer = setInterval(() => setNow(Date.now()), 1000);
    return () => clearInterval(timer);
  }, [running]);
  return now;
}

/**
 * Whole seconds left of a wait that began when `token` last changed; 0 where there is none.
 * A null wait is no wait.
 */
export function useCountdown(seconds: number | null, token: unknown): number {
  const [left, setLeft] = useState(0);
  // biome-ignore lint/correctness/useExhaustiveDependencies: a new token starts the wait again
  useEffect(() => {
    const end = Date.now() + (seconds ?? 0) * 1000;
    const remaining = () => Math.max(0, Math.ceil((end - Date.now()) / 1000));
    setLeft(remaining());
    if (!seconds) return;
    const timer = setInterval(() => {
      setLeft(remaining());
      if (remaining() === 0) clearInterval(timer);
    }, 250);
    return () => clearInterval(timer);
  }, [seconds, token]);
  return left;
}

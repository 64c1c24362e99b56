// SPDX-License-Identifier: MIT
import { useCallback, useEffect, useState } from 'react';
import { ApiError, listProducts } from '../shared/api';
import type { Product } from '../shared/types';
import { useCountdown } from './time';

export type Catalogue =
  | { status: 'loading' }
  | { status: 'ready'; products: Product[] }
  | { status: 'failed'; error: ApiError };

/** How long we wait where the server does not say. */
const RETRY_S = 5;

/** A failure that passes by itself; the rest waits for the visitor. */
function passes(error: ApiError): boolean {
  return error.kind === 'unavailable' || error.kind === 'network' || error.kind === 'quota';
}

/** The catalogue, loaded again by itself while the service is away. */
export function useProducts(): { catalogue: Catalogue; retryIn: number; reload(): void } {
  const [catalogue, setCatalogue] = useState<Catalogue>({ status: 'loading' });
  const [attempt, setAttempt] = useState(0);
  const error = catalogue.status === 'failed' ? catalogue.error : null;
  const wait = error && passes(error) ? Math.max(error.retryAfter ?? RETRY_S, 1) : null;
  const retryIn = useCountdown(wait, error);

  const reload = useCallback(() => {
    setCatalogue({ status: 'loading' });
    setAttempt((n) => n + 1);
  }, []);

  // biome-ignore lint/correctness/useExhaustiveDependencies: a new attempt loads again
  useEffect(() => {
    let current = true;
    listProducts()
      .then((products) => current && setCatalogue({ status: 'ready', products }))
      .catch((e: unknown) => {
        const failure = e instanceof ApiError ? e : new ApiError('server', 0);
        if (current) setCatalogue({ status: 'failed', error: failure });
      });
    return () => {
      current = false;
    };
  }, [attempt]);

  // biome-ignore lint/correctness/useExhaustiveDependencies: a new failure waits anew
  useEffect(() => {
    if (wait === null) return;
    const timer = setTimeout(() => setAttempt((n) => n + 1), wait * 1000);
    return () => clearTimeout(timer);
  }, [wait, error]);

  return { catalogue, retryIn, reload };
}

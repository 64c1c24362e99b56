// SPDX-License-Identifier: MIT
import type { CreatedInstance, Credential, Instance, Product } from './types';

/** What went wrong, by what the visitor can do about it. */
export type FailureKind =
  | 'network' // no answer at all
  | 'quota' // 429
  | 'unavailable' // 502, 503, 504
  | 'denied' // 401, 403
  | 'missing' // 404, 410
  | 'invalid' // the other 4xx
  | 'server'; // anything else

/** The members of an RFC 9457 problem document that we show. */
export interface Problem {
  type?: string;
  title?: string;
  status?: number;
  detail?: string;
  field?: string;
  reason?: string;
}

export class ApiError extends Error {
  constructor(
    readonly kind: FailureKind,
    readonly status: number,
    readonly problem: Problem = {},
    readonly retryAfter: number | null = null,
  ) {
    super(problem.detail ?? problem.title ?? `${kind} ${status}`);
    this.name = 'ApiError';
  }
}

export function kindOf(status: number): FailureKind {
  if (status === 429) return 'quota';
  if (status === 502 || status === 503 || status === 504) return 'unavailable';
  if (status === 401 || status === 403) return 'denied';
  if (status === 404 || status === 410) return 'missing';
  if (status >= 400 && status < 500) return 'invalid';
  return 'server';
}

/** Picks the known members out of a problem document; wrong types are left out. */
export function parseProblem(body: unknown): Problem {
  if (typeof body !== 'object' || body === null) return {};
  const from = body as Record<string, unknown>;
  const problem: Problem = {};
  for (const key of ['type', 'title', 'detail', 'field', 'reason'] as const) {
    const value = from[key];
    if (typeof value === 'string' && value !== '') problem[key] = value;
  }
  if (typeof from.status === 'number') problem.status = from.status;
  return problem;
}

const LONGEST_WAIT_S = 600;

/** Retry-After as whole seconds from now, at most ten minutes; null where absent or unreadable. */
export function parseRetryAfter(header: string | null, now = Date.now()): number | null {
  if (header === null) return null;
  const text = header.trim();
  let seconds: number;
  if (/^\d+$/.test(text)) seconds = Number(text);
  else seconds = Math.ceil((Date.parse(text) - now) / 1000);
  if (Number.isNaN(seconds)) return null;
  return Math.min(Math.max(seconds, 0), LONGEST_WAIT_S);
}

const DEADLINE_MS = 15_000;

async function call(path: string, init: RequestInit = {}): Promise<unknown> {
  const abort = new AbortController();
  const timer = setTimeout(() => abort.abort(), DEADLINE_MS);
  try {
    const response = await fetch(path, {
      ...init,
      signal: abort.signal,
      cache: 'no-store',
      credentials: 'omit',
      headers: { Accept: 'application/json', ...init.headers },
    });
    if (!response.ok) {
      const body = await response.json().catch(() => null);
      throw new ApiError(
        kindOf(response.status),
        response.status,
        parseProblem(body),
        parseRetryAfter(response.headers.get('Retry-After')),
      );
    }
    return await response.json();
  } catch (error) {
    if (error instanceof ApiError) throw error;
    // A body that is no JSON is the server's fault; all else here is the network's.
    if (error instanceof SyntaxError) throw new ApiError('server', 200);
    throw new ApiError('network', 0);
  } finally {
    clearTimeout(timer);
  }
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null;
}

export function isInstance(value: unknown): value is Instance {
  return isRecord(value) && typeof value.id === 'string' && typeof value.status === 'string';
}

function asInstance<T extends Instance>(value: unknown): T {
  if (!isInstance(value)) throw new ApiError('server', 200);
  return value as T;
}

function itemsOf(value: unknown): unknown[] {
  if (!isRecord(value) || !Array.isArray(value.items)) throw new ApiError('server', 200);
  return value.items;
}

function isProduct(value: unknown): value is Product {
  return isRecord(value) && typeof value.id === 'string';
}

const MOST_PAGES = 20;

/** The whole catalogue, page by page. */
export async function listProducts(): Promise<Product[]> {
  const products: Product[] = [];
  let cursor: string | null = null;
  for (let page = 0; page < MOST_PAGES; page++) {
    const query: string = cursor === null ? '' : `?cursor=${encodeURIComponent(cursor)}`;
    const body = await call(`/api/products${query}`);
    products.push(...itemsOf(body).filter(isProduct));
    const next = (body as { next?: unknown }).next;
    if (typeof next !== 'string' || next === '') break;
    cursor = next;
  }
  return products;
}

const instancePath = (id: string) => `/api/instances/${encodeURIComponent(id)}`;

/** key makes a repeated call the same call: use one per intent, not one per attempt. */
export async function createInstance(
  productId: string,
  clientName: string,
  key: string,
): Promise<CreatedInstance> {
  const body = await call('/api/instances', {
    method: 'POST',
    headers: { 'Content-Type': 'application/json', 'Idempotency-Key': key },
    body: JSON.stringify({ product_id: productId, client_name: clientName }),
  });
  return asInstance<CreatedInstance>(body);
}

export async function getInstance(id: string): Promise<Instance> {
  return asInstance<Instance>(await call(instancePath(id)));
}

export function eventsUrl(id: string): string {
  return `${instancePath(id)}/events`;
}

/**
 * The link to a customer's application, on whatever name the visitor came by. It leads on to where
 * applications are, which is an origin of their own.
 */
export function applicationUrl(id: string): string {
  return `/instances/${encodeURIComponent(id)}/`;
}

function isCredential(value: unknown): value is Credential {
  return isRecord(value) && typeof value.value === 'string' && value.label !== undefined;
}

export async function getCredentials(id: string, token: string): Promise<Credential[]> {
  const body = await call(`${instancePath(id)}/access`, {
    headers: { Authorization: `Bearer ${token}` },
  });
  if (!isRecord(body) || !Array.isArray(body.credentials)) throw new ApiError('server', 200);
  return body.credentials.filter(isCredential);
}

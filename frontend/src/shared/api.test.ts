// SPDX-License-Identifier: MIT
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import {
  ApiError,
  applicationUrl,
  createInstance,
  getCredentials,
  getInstance,
  kindOf,
  listProducts,
  parseProblem,
  parseRetryAfter,
} from './api';

const fetchMock = vi.fn<typeof fetch>();

beforeEach(() => vi.stubGlobal('fetch', fetchMock));
afterEach(() => {
  vi.unstubAllGlobals();
  vi.useRealTimers();
  fetchMock.mockReset();
});

function json(status: number, body: unknown, headers: Record<string, string> = {}): Response {
  return new Response(JSON.stringify(body), {
    status,
    headers: { 'Content-Type': 'application/json', ...headers },
  });
}

async function failure(promise: Promise<unknown>): Promise<ApiError> {
  const error = await promise.then(
    () => null,
    (e: unknown) => e,
  );
  expect(error).toBeInstanceOf(ApiError);
  return error as ApiError;
}

describe('parseProblem', () => {
  it('keeps the known members of the right type', () => {
    const body = {
      type: 'about:blank',
      title: 'Bad request',
      status: 400,
      detail: 'Too long.',
      field: 'client_name',
      reason: 'too_long',
      extra: 1,
    };
    const { extra: _, ...known } = body;
    expect(parseProblem(body)).toEqual(known);
  });

  it('is empty for anything else', () => {
    expect(parseProblem(null)).toEqual({});
    expect(parseProblem('no')).toEqual({});
    expect(parseProblem({ detail: 4, field: '', status: '400' })).toEqual({});
  });
});

describe('parseRetryAfter', () => {
  const now = Date.parse('2026-01-01T00:00:00Z');
  it.each([
    [null, null],
    ['5', 5],
    [' 0 ', 0],
    ['99999', 600],
    ['Thu, 01 Jan 2026 00:00:30 GMT', 30],
    ['Wed, 31 Dec 2025 23:00:00 GMT', 0],
    ['soon', null],
  ])('%j is %j', (header, seconds) => {
    expect(parseRetryAfter(header, now)).toBe(seconds);
  });
});

describe('kindOf', () => {
  it.each([
    [400, 'invalid'],
    [401, 'denied'],
    [403, 'denied'],
    [404, 'missing'],
    [409, 'invalid'],
    [413, 'invalid'],
    [429, 'quota'],
    [500, 'server'],
    [502, 'unavailable'],
    [503, 'unavailable'],
  ])('%i is %s', (status, kind) => {
    expect(kindOf(status)).toBe(kind);
  });
});

describe('createInstance', () => {
  it('posts JSON with the key and gives back instance and token', async () => {
    fetchMock.mockResolvedValue(
      json(202, { id: 'client_a', status: 'pending', access_token: 'tok' }),
    );
    const made = await createInstance('miniflux', 'Añil & Co', 'key1');
    expect(made).toMatchObject({ id: 'client_a', access_token: 'tok' });
    const [path, init] = fetchMock.mock.calls[0] ?? [];
    expect(path).toBe('/api/instances');
    expect(init?.method).toBe('POST');
    expect(init?.headers).toMatchObject({
      'Content-Type': 'application/json',
      'Idempotency-Key': 'key1',
    });
    expect(JSON.parse(String(init?.body))).toEqual({
      product_id: 'miniflux',
      client_name: 'Añil & Co',
    });
  });

  it('carries the problem of a refusal', async () => {
    fetchMock.mockResolvedValue(
      json(400, { title: 'Bad request', detail: 'Too long.', field: 'client_name' }),
    );
    const error = await failure(createInstance('miniflux', 'x', 'k'));
    expect(error).toMatchObject({ kind: 'invalid', status: 400 });
    expect(error.problem).toEqual({
      title: 'Bad request',
      detail: 'Too long.',
      field: 'client_name',
    });
  });

  it('reads Retry-After', async () => {
    fetchMock.mockResolvedValue(json(503, {}, { 'Retry-After': '7' }));
    const error = await failure(createInstance('miniflux', 'x', 'k'));
    expect(error).toMatchObject({ kind: 'unavailable', retryAfter: 7 });
  });

  it('bears a refusal that is no JSON', async () => {
    fetchMock.mockResolvedValue(new Response('<html>Bad gateway</html>', { status: 502 }));
    const error = await failure(createInstance('miniflux', 'x', 'k'));
    expect(error).toMatchObject({ kind: 'unavailable', problem: {} });
  });

  it('tells a lost network from a broken answer', async () => {
    fetchMock.mockRejectedValueOnce(new TypeError('Failed to fetch'));
    expect((await failure(createInstance('p', 'x', 'k'))).kind).toBe('network');
    fetchMock.mockResolvedValueOnce(new Response('not json', { status: 200 }));
    expect((await failure(createInstance('p', 'x', 'k'))).kind).toBe('server');
    fetchMock.mockResolvedValueOnce(json(202, { hello: 1 }));
    expect((await failure(createInstance('p', 'x', 'k'))).kind).toBe('server');
  });

  it('gives up on a server that never answers', async () => {
    vi.useFakeTimers();
    fetchMock.mockImplementation(
      (_, init) =>
        new Promise((_resolve, reject) => {
          init?.signal?.addEventListener('abort', () => reject(new Error('aborted')));
        }),
    );
    const waiting = failure(getInstance('client_a'));
    await vi.advanceTimersByTimeAsync(60_000);
    expect((await waiting).kind).toBe('network');
  });
});

describe('listProducts', () => {
  it('follows the cursor and skips what is no product', async () => {
    fetchMock
      .mockResolvedValueOnce(json(200, { items: [{ id: 'a' }, null, { name: 'x' }], next: 'c&1' }))
      .mockResolvedValueOnce(json(200, { items: [{ id: 'b' }], next: null }));
    expect((await listProducts()).map((p) => p.id)).toEqual(['a', 'b']);
    expect(fetchMock.mock.calls.map(([path]) => path)).toEqual([
      '/api/products',
      '/api/products?cursor=c%261',
    ]);
  });

  it('stops on a cursor that never ends', async () => {
    fetchMock.mockImplementation(async () => json(200, { items: [{ id: 'a' }], next: 'again' }));
    expect((await listProducts()).length).toBeLessThan(100);
  });

  it('refuses a body without items', async () => {
    fetchMock.mockResolvedValue(json(200, []));
    expect((await failure(listProducts())).kind).toBe('server');
  });
});

describe('an instance', () => {
  it('is addressed with its id encoded', async () => {
    fetchMock.mockResolvedValue(json(200, { id: 'x', status: 'running' }));
    await getInstance('../secrets');
    expect(fetchMock.mock.calls[0]?.[0]).toBe('/api/instances/..%2Fsecrets');
    expect(applicationUrl('client_a')).toBe('/instances/client_a/');
  });

  it('gives its credentials to the bearer of the token', async () => {
    fetchMock.mockResolvedValue(
      json(200, { credentials: [{ label: 'User', value: 'admin' }, { label: 'x' }] }),
    );
    expect(await getCredentials('client_a', 'tok')).toEqual([{ label: 'User', value: 'admin' }]);
    expect(fetchMock.mock.calls[0]?.[0]).toBe('/api/instances/client_a/access');
    expect(fetchMock.mock.calls[0]?.[1]?.headers).toMatchObject({ Authorization: 'Bearer tok' });
  });
});

// SPDX-License-Identifier: MIT
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import type { Instance } from '../shared/types';
import { follow, MOST_STREAMS, POLL_MS, SILENCE_MS, type Watcher } from './follow';

class FakeStream {
  static all: FakeStream[] = [];
  closed = false;
  private listeners = new Map<string, ((event: { data?: string }) => void)[]>();

  constructor(readonly url: string) {
    FakeStream.all.push(this);
  }

  addEventListener(type: string, listener: (event: { data?: string }) => void) {
    this.listeners.set(type, [...(this.listeners.get(type) ?? []), listener]);
  }

  close() {
    this.closed = true;
  }

  send(type: string, data?: string) {
    for (const listener of this.listeners.get(type) ?? []) listener({ data });
  }
}

const fetchMock = vi.fn<typeof fetch>();
const stops: (() => void)[] = [];

beforeEach(() => {
  vi.useFakeTimers();
  vi.stubGlobal('fetch', fetchMock);
  vi.stubGlobal('EventSource', FakeStream);
});

afterEach(() => {
  for (const stop of stops.splice(0)) stop();
  FakeStream.all = [];
  fetchMock.mockReset();
  vi.unstubAllGlobals();
  vi.useRealTimers();
});

function body(over: Partial<Instance>): string {
  return JSON.stringify({ id: 'client_a', status: 'pending', ...over });
}

function answer(status: number, over: Partial<Instance>, headers: Record<string, string> = {}) {
  fetchMock.mockImplementationOnce(async () => new Response(body(over), { status, headers }));
}

function start(id = 'client_a') {
  const watcher = { onInstance: vi.fn(), onLost: vi.fn(), onGone: vi.fn() } satisfies Watcher;
  stops.push(follow(id, watcher));
  return watcher;
}

function stream(n = 0): FakeStream {
  const found = FakeStream.all[n];
  if (!found) throw new Error(`no stream ${n}`);
  return found;
}

it('reports named and plain events, and closes when the instance runs', async () => {
  const watcher = start();
  expect(stream().url).toBe('/api/instances/client_a/events');
  stream().send('instance', body({ phase: 'image' }));
  stream().send('message', body({ phase: 'app' }));
  stream().send('message', 'garbage');
  expect(watcher.onInstance.mock.calls.map(([i]) => i.phase)).toEqual(['image', 'app']);
  expect(stream().closed).toBe(false);
  stream().send('instance', body({ status: 'running', phase: 'ready' }));
  expect(stream().closed).toBe(true);
  await vi.advanceTimersByTimeAsync(60_000);
  expect(fetchMock).not.toHaveBeenCalled();
});

it('polls every three seconds once the stream breaks, until settled', async () => {
  const watcher = start();
  answer(200, { phase: 'volume' });
  answer(200, { phase: 'health' });
  answer(200, { status: 'failed' });
  stream().send('error');
  expect(stream().closed).toBe(true);
  await vi.advanceTimersByTimeAsync(0);
  expect(fetchMock).toHaveBeenCalledTimes(1);
  await vi.advanceTimersByTimeAsync(POLL_MS - 1);
  expect(fetchMock).toHaveBeenCalledTimes(1);
  await vi.advanceTimersByTimeAsync(1);
  expect(fetchMock).toHaveBeenCalledTimes(2);
  await vi.advanceTimersByTimeAsync(10 * POLL_MS);
  expect(fetchMock).toHaveBeenCalledTimes(3);
  expect(watcher.onInstance).toHaveBeenCalledTimes(3);
});

it('asks after a stream that says nothing', async () => {
  const watcher = start();
  answer(200, { phase: 'database' });
  await vi.advanceTimersByTimeAsync(SILENCE_MS);
  expect(watcher.onInstance).toHaveBeenCalledTimes(1);
  expect(stream().closed).toBe(false);
});

it('polls where there is no EventSource', async () => {
  vi.stubGlobal('EventSource', undefined);
  const watcher = start();
  answer(200, { status: 'running' });
  await vi.advanceTimersByTimeAsync(0);
  expect(watcher.onInstance).toHaveBeenCalledTimes(1);
});

it('keeps asking while the server is lost, no sooner than it wants', async () => {
  const watcher = start();
  fetchMock.mockImplementationOnce(async () => {
    throw new TypeError('Failed to fetch');
  });
  answer(503, {}, { 'Retry-After': '8' });
  answer(200, { status: 'running' });
  stream().send('error');
  await vi.advanceTimersByTimeAsync(0);
  expect(watcher.onLost).toHaveBeenCalledTimes(1);
  await vi.advanceTimersByTimeAsync(POLL_MS);
  expect(watcher.onLost).toHaveBeenCalledTimes(2);
  await vi.advanceTimersByTimeAsync(7999);
  expect(fetchMock).toHaveBeenCalledTimes(2);
  await vi.advanceTimersByTimeAsync(1);
  expect(watcher.onInstance).toHaveBeenCalledTimes(1);
});

it('says when the instance is gone and stops', async () => {
  const watcher = start();
  answer(404, {});
  stream().send('error');
  await vi.advanceTimersByTimeAsync(60_000);
  expect(watcher.onGone).toHaveBeenCalledTimes(1);
  expect(fetchMock).toHaveBeenCalledTimes(1);
});

it('stops when told, and reports nothing afterwards', async () => {
  const watcher = start();
  stops.pop()?.();
  stream().send('instance', body({ phase: 'image' }));
  await vi.advanceTimersByTimeAsync(60_000);
  expect(stream().closed).toBe(true);
  expect(watcher.onInstance).not.toHaveBeenCalled();
});

it('leaves connections free: further deployments are polled', async () => {
  fetchMock.mockImplementation(async () => new Response(body({})));
  for (let n = 0; n < MOST_STREAMS + 2; n++) start(`client_${n}`);
  expect(FakeStream.all).toHaveLength(MOST_STREAMS);
  await vi.advanceTimersByTimeAsync(0);
  expect(fetchMock).toHaveBeenCalledTimes(2);
});

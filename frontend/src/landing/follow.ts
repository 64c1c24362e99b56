// SPDX-License-Identifier: MIT
import { ApiError, eventsUrl, getInstance, isInstance } from '../shared/api';
import type { Instance } from '../shared/types';
import { isSettled } from './deployments';

export interface Watcher {
  onInstance(instance: Instance): void;
  /** The server does not answer; we keep asking. */
  onLost(): void;
  /** There is no such instance any more. */
  onGone(): void;
}

export const POLL_MS = 3000;
/** A stream that says nothing for so long is asked after: a proxy may be holding it back. */
export const SILENCE_MS = 10_000;
/** Browsers allow six connections to a host over HTTP/1.1; streams must leave room for calls. */
export const MOST_STREAMS = 3;

let openStreams = 0;

function parseInstance(data: unknown): Instance | null {
  try {
    const value: unknown = JSON.parse(String(data));
    return isInstance(value) ? value : null;
  } catch {
    return null;
  }
}

/**
 * Reports every change of an instance until it is settled: by server-sent events, and by polling
 * where those fail. Returns the function that stops it.
 */
export function follow(id: string, watcher: Watcher): () => void {
  let stopped = false;
  let stream: EventSource | null = null;
  let timer: ReturnType<typeof setTimeout> | undefined;

  function schedule(ms: number) {
    clearTimeout(timer);
    if (!stopped) timer = setTimeout(poll, ms);
  }

  function closeStream() {
    if (!stream) return;
    stream.close();
    stream = null;
    openStreams--;
  }

  function stop() {
    stopped = true;
    clearTimeout(timer);
    closeStream();
  }

  function report(instance: Instance) {
    if (stopped) return;
    watcher.onInstance(instance);
    if (isSettled(instance)) stop();
    else schedule(stream ? SILENCE_MS : POLL_MS);
  }

  async function poll() {
    try {
      report(await getInstance(id));
    } catch (error) {
      if (stopped) return;
      if (error instanceof ApiError && error.kind === 'missing') {
        stop();
        watcher.onGone();
        return;
      }
      watcher.onLost();
      const wait = error instanceof ApiError ? (error.retryAfter ?? 0) * 1000 : 0;
      schedule(Math.max(POLL_MS, wait));
    }
  }

  function openStream() {
    if (typeof EventSource === 'undefined' || openStreams >= MOST_STREAMS) return false;
    stream = new EventSource(eventsUrl(id));
    openStreams++;
    const onEvent = (event: MessageEvent) => {
      const instance = parseInstance(event.data);
      if (instance) report(instance);
    };
    stream.addEventListener('instance', onEvent);
    stream.addEventListener('message', onEvent);
    stream.addEventListener('error', () => {
      closeStream();
      schedule(0);
    });
    return true;
  }

  schedule(openStream() ? SILENCE_MS : 0);
  return stop;
}

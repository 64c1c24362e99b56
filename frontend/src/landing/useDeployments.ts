// SPDX-License-Identifier: MIT
import { type Dispatch, useEffect, useReducer, useRef } from 'react';
import { ApiError, getInstance } from '../shared/api';
import { type Action, isSettled, isUsable, reduce, type State } from './deployments';
import { follow } from './follow';
import { loadState, saveState } from './session';

const storage = () => sessionStorage;

/** Asks once after what an earlier load of the tab left running: it may be gone by now. */
async function recheck(id: string, dispatch: Dispatch<Action>): Promise<void> {
  try {
    const instance = await getInstance(id);
    dispatch({ type: 'seen', id, instance, now: Date.now() });
  } catch (error) {
    if (error instanceof ApiError && error.kind === 'missing')
      dispatch({ type: 'gone', id, now: Date.now() });
  }
}

/** This tab's deployments: kept over a reload, each followed until it is settled. */
export function useDeployments(): [State, Dispatch<Action>] {
  const [state, dispatch] = useReducer(reduce, undefined, () => loadState(storage));
  const followers = useRef(new Map<string, () => void>());
  const restored = useRef(state.items);

  useEffect(() => saveState(storage, state), [state]);

  useEffect(() => {
    for (const item of restored.current)
      if (isUsable(item.instance)) void recheck(item.id, dispatch);
  }, []);

  useEffect(() => {
    const running = followers.current;
    const unsettled = state.items.filter((d) => !isSettled(d.instance));
    const wanted = new Set(unsettled.map((d) => d.id));
    for (const [id, stop] of running) {
      if (wanted.has(id)) continue;
      stop();
      running.delete(id);
    }
    for (const id of wanted) {
      if (running.has(id)) continue;
      const stop = follow(id, {
        onInstance: (instance) => dispatch({ type: 'seen', id, instance, now: Date.now() }),
        onLost: () => dispatch({ type: 'lost', id }),
        onGone: () => dispatch({ type: 'gone', id, now: Date.now() }),
      });
      running.set(id, stop);
    }
  }, [state.items]);

  useEffect(() => {
    const running = followers.current;
    return () => {
      for (const stop of running.values()) stop();
      running.clear();
    };
  }, []);

  return [state, dispatch];
}

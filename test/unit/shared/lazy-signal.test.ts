import { getEventListeners } from 'node:events';
import { describe, expect, it } from 'vitest';
import { abortable, linkSignals } from '../../../shared/cancellation.ts';
import { LazySignal } from '../../../shared/lazy-signal.ts';

const listenersOn = (signal: AbortSignal): number => getEventListeners(signal, 'abort').length;

describe('a lazy signal', () => {
  it("aborts with its parent's reason, and so does the signal that it became, before or after", () => {
    const parent = new AbortController();
    const [before, after] = [new LazySignal(parent.signal), new LazySignal(parent.signal)];
    const { signal } = before;
    const reason = new Error('the worker stops');
    parent.abort(reason);
    expect(signal.reason).toBe(reason);
    expect(after.signal.reason).toBe(reason);
    expect(after).toMatchObject({ aborted: true, reason });
    expect(() => after.throwIfAborted()).toThrow(reason);
  });

  it('is aborted from the start by a parent that is', () => {
    const signal = new LazySignal(AbortSignal.abort('over'));
    expect(signal).toMatchObject({ aborted: true, reason: 'over' });
    expect(signal.signal.aborted).toBe(true);
  });

  it('keeps its first reason, and tells each listener once', () => {
    const signal = new LazySignal(new AbortController().signal);
    const heard: string[] = [];
    const removed = (): void => void heard.push('removed');
    signal.addEventListener('abort', () => heard.push('first'));
    signal.addEventListener('abort', removed);
    signal.removeEventListener('abort', removed);
    signal.abort('one');
    signal.abort('two');
    expect(heard).toEqual(['first']);
    expect(signal.reason).toBe('one');
  });

  it('has one listener on the parent for all, and none when the last has gone', () => {
    const parent = new AbortController();
    const [one, two] = [new LazySignal(parent.signal), new LazySignal(parent.signal)];
    expect(listenersOn(parent.signal)).toBe(1);
    one.abort('done');
    expect(listenersOn(parent.signal)).toBe(1);
    two[Symbol.dispose]();
    expect(listenersOn(parent.signal)).toBe(0);
    parent.abort('late');
    expect(two.aborted).toBe(false);
  });

  it('is watched by links and waits as any signal', async () => {
    const signal = new LazySignal(new AbortController().signal);
    using link = linkSignals([signal]);
    const waiting = abortable(new Promise(() => {}), signal);
    signal.abort(new Error('enough'));
    await expect(waiting).rejects.toThrow('enough');
    expect(link.signal.reason).toBe(signal.reason);
  });
});

import { getEventListeners } from 'node:events';
import { describe, expect, it } from 'vitest';
import { abortable, linkSignals } from '../../../shared/cancellation.ts';
import { systemClock } from '../../../shared/clock.ts';

const listeners = (signal: AbortSignal): number => getEventListeners(signal, 'abort').length;

describe('linkSignals', () => {
  it("aborts with the first parent's own reason", () => {
    const [a, b] = [new AbortController(), new AbortController()];
    using link = linkSignals([a.signal, undefined, b.signal]);
    const reason = new Error('stop');
    b.abort(reason);
    expect(link.signal.reason).toBe(reason);
    expect(listeners(a.signal) + listeners(b.signal)).toBe(0);
  });

  it('is aborted from the start when a parent is', () => {
    using link = linkSignals([new AbortController().signal, AbortSignal.abort('gone')]);
    expect(link.signal.reason).toBe('gone');
  });

  it('leaves no listener on a long-lived parent after 10,000 uses', () => {
    const parent = new AbortController();
    for (let i = 0; i < 10_000; i++) {
      using link = linkSignals([parent.signal]);
      expect(link.signal.aborted).toBe(false);
    }
    expect(listeners(parent.signal)).toBe(0);
  });

  it('aborting the link leaves its parents alone', () => {
    const parent = new AbortController();
    using link = linkSignals([parent.signal]);
    link.abort('mine');
    expect([link.signal.aborted, parent.signal.aborted, listeners(parent.signal)]).toEqual([true, false, 0]);
  });
});

describe('abortable', () => {
  it('gives the value and removes its listener', async () => {
    const { signal } = new AbortController();
    await expect(abortable(Promise.resolve(7), signal)).resolves.toBe(7);
    expect(listeners(signal)).toBe(0);
  });

  it("rejects with the signal's reason while the promise is still pending", async () => {
    const controller = new AbortController();
    const pending = abortable(new Promise(() => {}), controller.signal);
    controller.abort('enough');
    await expect(pending).rejects.toBe('enough');
  });
});

describe('systemClock.sleep', () => {
  it("rejects with the signal's own reason and leaves no listener", async () => {
    const controller = new AbortController();
    const sleeping = systemClock.sleep(60_000, controller.signal);
    const reason = new Error('woken');
    controller.abort(reason);
    await expect(sleeping).rejects.toBe(reason);
    await systemClock.sleep(0, new AbortController().signal);
    expect(listeners(controller.signal)).toBe(0);
  });

  it('does not start when the signal is aborted', async () => {
    await expect(systemClock.sleep(60_000, AbortSignal.abort('before'))).rejects.toBe('before');
  });
});

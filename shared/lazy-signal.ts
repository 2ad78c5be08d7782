import type { WatchedSignal } from './cancellation.ts';

/** Who follows a parent: one listener on it for all of them, as long as there are any. */
const families = new WeakMap<
  AbortSignal,
  { readonly children: Set<LazySignal>; readonly onAbort: () => void }
>();

/**
 * A signal that aborts with its parent or by `abort()`, and becomes an `AbortSignal` when somebody asks for one. To make
 * and to abort one takes Node as long as to parse a small event, and most messages are handled without.
 *
 * Abort it at the end, or dispose of it: either lets go of the parent.
 *
 * @example
 * using work = new LazySignal(workSignal);
 * await fetch(url, { signal: work.signal });
 */
export class LazySignal implements WatchedSignal, Disposable {
  aborted = false;
  reason: unknown;
  readonly #parent: AbortSignal;
  #listeners: (() => void)[] = [];
  #controller: AbortController | undefined;

  constructor(parent: AbortSignal) {
    this.#parent = parent;
    if (parent.aborted) this.abort(parent.reason);
    else follow(parent, this);
  }

  /** The same, for those who need the real thing. */
  get signal(): AbortSignal {
    if (this.#controller === undefined) {
      this.#controller = new AbortController();
      if (this.aborted) this.#controller.abort(this.reason);
    }
    return this.#controller.signal;
  }

  /** Does nothing the second time. */
  abort(reason: unknown): void {
    if (this.aborted) return;
    this.aborted = true;
    this.reason = reason;
    this[Symbol.dispose]();
    this.#controller?.abort(reason);
    for (const listener of this.#listeners.splice(0)) listener();
  }

  throwIfAborted(): void {
    if (this.aborted) throw this.reason;
  }

  addEventListener(_type: 'abort', listener: () => void): void {
    if (!this.aborted) this.#listeners.push(listener);
  }

  removeEventListener(_type: 'abort', listener: () => void): void {
    const at = this.#listeners.indexOf(listener);
    if (at >= 0) this.#listeners.splice(at, 1);
  }

  /** Lets go of the parent. */
  [Symbol.dispose](): void {
    unfollow(this.#parent, this);
  }
}

function follow(parent: AbortSignal, child: LazySignal): void {
  let family = families.get(parent);
  if (family === undefined) {
    const children = new Set<LazySignal>();
    const onAbort = (): void => children.forEach((each) => each.abort(parent.reason));
    family = { children, onAbort };
    families.set(parent, family);
    parent.addEventListener('abort', onAbort);
  }
  family.children.add(child);
}

function unfollow(parent: AbortSignal, child: LazySignal): void {
  const family = families.get(parent);
  if (family?.children.delete(child) !== true || family.children.size > 0) return;
  families.delete(parent);
  parent.removeEventListener('abort', family.onAbort);
}

import type { WaybillError } from '../../shared/errors.ts';

/**
 * What was received cannot be right, and only beginning again can tell whether it is the network's fault. Never
 * leaves a download: it begins again once for each reason, and then throws `error`.
 */
export class RestartNeeded extends Error {
  override readonly name = 'RestartNeeded';
  readonly reason: 'range' | 'checksum';
  readonly error: WaybillError;

  constructor(reason: 'range' | 'checksum', error: WaybillError) {
    super(error.message);
    this.reason = reason;
    this.error = error;
  }
}

/** Decides whether to begin again: once for each reason. */
export class RestartBudget {
  readonly #spent = new Set<RestartNeeded['reason']>();

  /**
   * Returns the reason to begin again for.
   * @throws {RangeMismatchError|ChecksumMismatchError} when that has been tried
   * @throws the error itself when beginning again is no cure for it
   */
  spend(error: unknown): RestartNeeded['reason'] {
    if (!(error instanceof RestartNeeded)) throw error;
    if (this.#spent.has(error.reason)) throw error.error;
    this.#spent.add(error.reason);
    return error.reason;
  }
}

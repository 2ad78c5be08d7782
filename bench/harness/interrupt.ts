const controller = new AbortController();

/** Aborts at the first SIGINT or SIGTERM, so that servers are stopped and files removed before the process ends. */
export const interrupted: AbortSignal = controller.signal;

/** Begins to listen for signals. A second one ends the process as usual. */
export function listenForSignals(): void {
  for (const name of ['SIGINT', 'SIGTERM'] as const)
    process.once(name, () => controller.abort(new Error(`ended by ${name}`)));
}

/** Lets uploads of one publish in, first come first served, as long as their weights fit. */
export interface UploadGate {
  /** Runs `work` once there is room for `weight`, which is at most the gate's capacity. */
  run<T>(weight: number, work: () => Promise<T>): Promise<T>;
}

interface Waiter {
  readonly weight: number;
  readonly enter: () => void;
}

/**
 * Makes a gate. Whoever waits holds up those behind it, so the order is kept and nobody starves.
 *
 * It takes no signal: whoever is inside ends soon after an abort, and those who come in then see it themselves.
 * @param capacity sum of the weights inside
 */
export function createUploadGate(capacity: number): UploadGate {
  const waiters: Waiter[] = [];
  let inside = 0;

  const admit = (): void => {
    for (let next = waiters[0]; next !== undefined && inside + next.weight <= capacity; next = waiters[0]) {
      waiters.shift();
      inside += next.weight;
      next.enter();
    }
  };

  return {
    run: async (weight, work) => {
      await new Promise<void>((enter) => {
        waiters.push({ weight, enter });
        admit();
      });
      try {
        return await work();
      } finally {
        inside -= weight;
        admit();
      }
    },
  };
}

import type { SinkObject } from './sink-objects.ts';
import { startServer } from './child.ts';

/** The sink in a process of its own. */
export interface Sink extends AsyncDisposable {
  readonly endpoint: string;
  /** Whether bodies that follow are verified, or only counted. */
  verify(on: boolean): Promise<void>;
  /** Objects completed since it was last asked. */
  objects(): Promise<readonly SinkObject[]>;
}

export async function startSink(): Promise<Sink> {
  const server = await startServer<{ endpoint: string }>('sink.ts', []);
  const { endpoint } = server.ready;
  return {
    endpoint,
    async verify(on) {
      await (await fetch(`${endpoint}/-/${on ? 'verify' : 'count'}`, { method: 'POST' })).text();
    },
    async objects() {
      return (await (await fetch(`${endpoint}/-/objects`)).json()) as SinkObject[];
    },
    [Symbol.asyncDispose]: async () => await server[Symbol.asyncDispose](),
  };
}

import { mkdir, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { run } from '../harness/measure.ts';
import { writePayload, type Payload } from '../harness/payload.ts';
import { runRace, type Contestant } from '../harness/race.ts';
import { warmMemory } from '../harness/workspace.ts';
import { startServer } from '../servers/child.ts';
import type { StackReady } from '../servers/stack.ts';
import { runnerWithJob, sizeText, type Suite, type SuiteContext } from './suite.ts';

/** All connections together, in bytes per second. */
const RATE = 100e6;
const CONNECTIONS = 4;
const URL_LIFE_SECONDS = 2;
const SHORT = `URLs live ${URL_LIFE_SECONDS} s`;
const ETERNAL = 'one URL lives a day';

/** What short-lived URLs cost: the same download with one that lives on, and with ones that do not. */
export const refetchSuite: Suite = {
  name: 'refetch',
  summary: 'URLs that live 2 s, against one that lives a day',
  // The store keeps a copy of the payload
  needs: ({ refetchSize }) => ({ sources: 2 * refetchSize, outputs: refetchSize }),
  async run(context) {
    const { sources, outputs } = context.workspace;
    const size = context.refetchSize;
    const payload = await writePayload(join(sources, 'refetch.bin'), size);
    const dir = join(sources, 'stack');
    await mkdir(dir);
    const rate = String(RATE / CONNECTIONS);
    await using stack = await startServer<StackReady>('stack.ts', [
      dir,
      payload.path,
      rate,
      String(URL_LIFE_SECONDS),
    ]);
    const { shortLived, eternal } = stack.ready;
    const entry = { context, payload, stack: stack.ready };
    const result = await runRace(
      {
        id: 'refetch',
        title: `${sizeText(size)} at ${RATE / 1e6} MB/s from a store that checks signatures`,
        reference: ETERNAL,
        bytes: size,
        contestants: [
          consumer({ ...entry, name: ETERNAL, event: eternal, refetches: false }),
          consumer({ ...entry, name: SHORT, event: shortLived, refetches: true }),
        ],
        goals: [
          { contestant: SHORT, metric: 'extra-time', peer: ETERNAL, floor: 0.05, aim: 0.01 },
          { contestant: SHORT, metric: 'extra-bytes', floor: 0.01, aim: 0 },
        ],
        beforeRun: async () => await warmMemory(outputs, size),
        afterRun: async () => await rm(join(outputs, 'received.bin')),
      },
      context.rounds,
      context.log,
    );
    await rm(payload.path);
    return [result];
  },
};

function consumer(entry: {
  readonly context: SuiteContext;
  readonly payload: Payload;
  readonly stack: StackReady;
  readonly name: string;
  readonly event: string;
  readonly refetches: boolean;
}): Contestant {
  const { context, payload, stack, name, event, refetches } = entry;
  const { variables } = stack;
  const path = join(context.workspace.outputs, 'received.bin');
  const job = {
    event,
    path,
    stores: JSON.parse(variables['WAYBILL_STORES'] ?? '{}') as unknown,
    urlService: variables['WAYBILL_URL_SERVICE'],
    region: variables['AWS_REGION'],
    options: { connections: CONNECTIONS, ...context.engine },
  };
  return {
    name,
    checks: 'CRC32C, SHA-256',
    command: async () => await runnerWithJob(context, 'waybill-refetch', job, variables),
    async verify({ said }) {
      const { size } = await stat(path);
      if (size !== payload.size) throw new Error(`${name}: ${size} bytes, expected ${payload.size}`);
      await run({ program: 'cmp', args: [payload.path, path] });
      if (Number(said['refetches']) > 0 !== refetches)
        throw new Error(
          `${name}: ${String(said['refetches'])} refetches, expected ${refetches ? 'some' : 'none'}`,
        );
    },
  };
}

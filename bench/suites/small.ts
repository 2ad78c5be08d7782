import { mkdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { measure, type Command } from '../harness/measure.ts';
import { writePayload } from '../harness/payload.ts';
import { programs } from '../harness/programs.ts';
import { runRace, type Contestant } from '../harness/race.ts';
import { startNginx } from '../servers/nginx.ts';
import { BUCKET, chosen, runnerWithJob, type Suite, type SuiteContext } from './suite.ts';
import { storesOf, urlOf } from './waybill-job.ts';

const SIZE_BYTES = 64 * 1024;
const LANES = 16;
const NAME = 'Waybill, CRC32C';
const FETCH = 'Node fetch';

/** A payload of the list that runners get. */
interface Item {
  readonly key: string;
  readonly size: number;
  readonly digest: string;
  readonly crc32c: string;
  readonly url: string;
}

/** Many small payloads into memory, 16 at a time. */
export const smallSuite: Suite = {
  name: 'small',
  summary: 'many payloads of 64 KiB into memory',
  needs: ({ smallCount }) => ({ sources: smallCount * SIZE_BYTES, outputs: 0 }),
  async run(context) {
    await using nginx = await startNginx(context.workspace.sources);
    const dir = join(context.workspace.sources, BUCKET);
    const items = await makeItems(dir, nginx.plain, context.smallCount);
    const stores = storesOf(nginx.plain);
    const job = { items, stores, lanes: LANES };
    const crc = { verify: { sha256: false, crc32c: true }, ...context.engine };
    const both = { verify: { sha256: true, crc32c: true }, ...context.engine };
    const result = await runRace(
      {
        id: 'small',
        title: `${items.length} downloads of 64 KiB into memory, ${LANES} at a time`,
        reference: FETCH,
        bytes: SIZE_BYTES * items.length,
        requests: items.length,
        contestants: chosen(
          context,
          [FETCH],
          [
            inMemory(context, FETCH, 'nothing', 'fetch-small', job),
            inMemory(context, NAME, 'CRC32C', 'waybill-small', { ...job, options: crc }),
            inMemory(context, 'Waybill, SHA-256', 'CRC32C, SHA-256', 'waybill-small', {
              ...job,
              options: both,
            }),
            inMemory(context, 'undici', 'nothing', 'undici-small', job),
            await parallelCurl(context, items),
          ],
        ),
        goals: [{ contestant: NAME, metric: 'speed', peer: FETCH, floor: 8, aim: 14 }],
      },
      context.rounds,
      context.log,
    );
    await rm(dir, { recursive: true });
    return [result];
  },
};

async function makeItems(dir: string, origin: string, count: number): Promise<Item[]> {
  await mkdir(dir, { recursive: true });
  const items: Item[] = [];
  for (let index = 0; index < count; index += 1) {
    const key = `${index}.small`;
    const { size, digest, crc32c } = await writePayload(join(dir, key), SIZE_BYTES);
    items.push({ key, size, digest, crc32c, url: urlOf(origin, key) });
  }
  return items;
}

/** Counts the bytes of every run; the first one compares the digest of every body. */
function inMemory(
  context: SuiteContext,
  name: string,
  checks: string,
  program: string,
  job: { readonly items: readonly Item[]; readonly options?: object },
): Contestant {
  const command = async (verify: boolean): Promise<Command> =>
    await runnerWithJob(context, program, { ...job, verify });
  const expected = SIZE_BYTES * job.items.length;
  return {
    name,
    checks,
    command: async () => await command(false),
    verify: ({ said }) =>
      said['bytes'] === expected
        ? Promise.resolve()
        : Promise.reject(new Error(`${name}: ${String(said['bytes'])} bytes, expected ${expected}`)),
    rehearse: async () => void (await measure(await command(true))),
  };
}

/** curl -Z with a list of URLs; it counts the bytes itself, response by response. */
async function parallelCurl(context: SuiteContext, items: readonly Item[]): Promise<Contestant> {
  const list = join(context.workspace.outputs, 'urls');
  const lines = items.map(({ url }) => `url = "${url}"\noutput = "/dev/null"\n`);
  await writeFile(list, lines.join(''));
  return {
    name: 'curl -Z',
    checks: 'nothing',
    command: () => ({
      program: programs().curl,
      args: ['-sSf', '-Z', '--parallel-max', String(LANES), '-K', list],
    }),
    verify: () => Promise.resolve(), // -f: any answer but 200, any short body ends it with an error
  };
}

import { mkdir, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { run, type Command, type Sample } from '../harness/measure.ts';
import { writePayload, type Payload } from '../harness/payload.ts';
import { programs } from '../harness/programs.ts';
import type { Contestant, Race } from '../harness/race.ts';
import { warmMemory } from '../harness/workspace.ts';
import { BUCKET, runner, runnerWithJob, type SuiteContext } from './suite.ts';
import { attachmentOf, storesOf, urlOf } from './waybill-job.ts';

/** A payload that nginx serves, and where clients put it. */
export interface Served {
  readonly payload: Payload;
  readonly name: string;
  readonly origin: string;
  readonly url: string;
  readonly target: string;
}

/** Writes a payload where nginx finds it. */
export async function serve(context: SuiteContext, origin: string, size: number): Promise<Served> {
  const dir = join(context.workspace.sources, BUCKET);
  await mkdir(dir, { recursive: true });
  const name = `${size}.bin`;
  await rm(join(dir, name), { force: true });
  const payload = await writePayload(join(dir, name), size);
  return {
    payload,
    name,
    origin,
    url: urlOf(origin, name),
    target: join(context.workspace.outputs, 'received.bin'),
  };
}

/** What races to a file have in common: memory is warmed before, and the file goes after. */
export function fileRace(
  context: SuiteContext,
  { payload, target }: Served,
): Pick<Race, 'bytes' | 'beforeRun' | 'afterRun'> {
  return {
    bytes: payload.size,
    beforeRun: async () => await warmMemory(context.workspace.outputs, payload.size),
    afterRun: async () => await rm(target, { force: true }),
  };
}

/** A contestant that writes the file; every byte of it is compared with the source's. */
export function toFile(
  name: string,
  checks: string,
  served: Served,
  command: () => Command | Promise<Command>,
  also: (sample: Sample) => void = () => {},
): Contestant {
  return {
    name,
    checks,
    command,
    async verify(sample) {
      const { size } = await stat(served.target);
      if (size !== served.payload.size)
        throw new Error(`${name}: ${size} bytes, expected ${served.payload.size}`);
      await run({ program: 'cmp', args: [served.payload.path, served.target] });
      also(sample);
    },
  };
}

/** Waybill into a file, with these options. */
export function waybillToFile(
  context: SuiteContext,
  name: string,
  served: Served,
  options: {
    readonly verify: { readonly sha256: boolean; readonly crc32c: boolean };
    readonly connections?: number;
  },
): Contestant {
  const { payload, origin, target } = served;
  const { sha256, crc32c } = options.verify;
  const checks = [crc32c ? 'CRC32C' : '', sha256 ? 'SHA-256' : ''].filter(Boolean).join(', ');
  const job = async (): Promise<Command> =>
    await runnerWithJob(context, 'waybill-download', {
      attachment: attachmentOf(payload, origin, served.name),
      stores: storesOf(origin),
      path: target,
      options: { ...options, ...context.engine },
    });
  return toFile(name, checks, served, job, ({ said }) => {
    const verified = said['verified'] as { sha256?: unknown; crc32c?: unknown } | undefined;
    if (verified?.sha256 !== sha256 || verified.crc32c !== crc32c)
      throw new Error(
        `${name}: verified ${JSON.stringify(verified)}, expected ${JSON.stringify(options.verify)}`,
      );
  });
}

export function curlToFile(served: Served): Contestant {
  const { url, target } = served;
  return toFile('curl', 'nothing', served, () => ({
    program: programs().curl,
    args: ['-sSf', '-o', target, '-w', '{"insideSeconds":%{time_total}}\\n', url],
  }));
}

/** `falloc`, its default, would touch the file twice. */
const ARIA2_FLAGS = '--no-conf -q --allow-overwrite=true --file-allocation=none --min-split-size=1M'.split(
  ' ',
);

/** aria2 with `connections` ranges at a time. */
export function aria2ToFile(context: SuiteContext, served: Served, connections: number): Contestant {
  return toFile(`aria2 -x${connections}`, 'nothing', served, () => ({
    program: programs().aria2,
    args: [
      ...ARIA2_FLAGS,
      `-x${connections}`,
      `-s${connections}`,
      '-d',
      context.workspace.outputs,
      '-o',
      'received.bin',
      served.url,
    ],
  }));
}

export function nodeToFile(name: string, runnerName: string, served: Served): Contestant {
  return toFile(name, 'nothing', served, () => runner(runnerName, [served.url, served.target]));
}

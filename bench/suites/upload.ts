import { mkdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { measure, type Command } from '../harness/measure.ts';
import { writePayload, type Payload } from '../harness/payload.ts';
import { programs } from '../harness/programs.ts';
import { runRace, type Contestant, type RaceResult } from '../harness/race.ts';
import type { SinkObject } from '../servers/sink-objects.ts';
import { startSink, type Sink } from '../servers/sink-client.ts';
import { chosen, runner, runnerWithJob, sizeText, type Suite, type SuiteContext } from './suite.ts';

const BUCKET = 'uploads';
const CRC = 'Waybill, CRC32C sent';
const SHA = 'Waybill, CRC32C sent, SHA-256 computed';
const LIB_STORAGE = 'lib-storage';
const AWS = 'aws s3 cp';
const CURL = 'curl -T';

/** The sink checks no signature, so any credentials will do. */
const ENV = {
  AWS_ACCESS_KEY_ID: 'BENCH',
  AWS_SECRET_ACCESS_KEY: 'bench',
  AWS_REGION: 'us-east-1',
  AWS_CONFIG_FILE: '/dev/null',
  AWS_EC2_METADATA_DISABLED: 'true',
  AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED: 'true',
};

/** One large payload to a server that takes it as S3 does, and drops it. */
export const uploadSuite: Suite = {
  name: 'upload',
  summary: 'one payload to a sink that speaks S3',
  needs: ({ sizes }) => ({ sources: Math.max(...sizes), outputs: 0 }),
  async run(context) {
    await using sink = await startSink();
    const dir = join(context.workspace.sources, BUCKET);
    await mkdir(dir, { recursive: true });
    const results: RaceResult[] = [];
    for (const size of context.sizes) {
      const payload = await writePayload(join(dir, `${size}.bin`), size);
      results.push(await race(context, sink, payload));
      await rm(payload.path);
    }
    return results;
  },
};

async function race(context: SuiteContext, sink: Sink, payload: Payload): Promise<RaceResult> {
  const { endpoint } = sink;
  const { path } = payload;
  const text = sizeText(payload.size);
  const waybill = async (key: string, digest: boolean): Promise<Command> =>
    await runnerWithJob(
      context,
      'waybill-upload',
      { endpoint, bucket: BUCKET, key, path, digest, options: context.engine },
      ENV,
    );
  const contestant = (name: string, checks: string, command: () => Command | Promise<Command>): Contestant =>
    toSink({ name, checks, command, sink, payload });
  return await runRace(
    {
      id: `upload-${text.replace(' ', '')}`,
      title: `Upload of ${text} over HTTP`,
      reference: CURL,
      bytes: payload.size,
      contestants: chosen(
        context,
        [CURL, LIB_STORAGE, AWS],
        [
          contestant(CURL, 'nothing', () => ({
            program: programs().curl,
            args: [
              '-sSf',
              '-T',
              path,
              '-w',
              '{"insideSeconds":%{time_total}}\\n',
              `${endpoint}/${BUCKET}/curl`,
            ],
          })),
          contestant(CRC, 'CRC32C', async () => await waybill('waybill-crc', false)),
          contestant(SHA, 'CRC32C', async () => await waybill('waybill-sha', true)),
          contestant(LIB_STORAGE, 'CRC32', () =>
            runner('lib-storage-upload', [endpoint, BUCKET, 'lib-storage', path], ENV),
          ),
          contestant(AWS, 'Content-MD5 or SHA-256', () => ({
            program: programs().aws,
            args: ['s3', 'cp', '--only-show-errors', '--endpoint-url', endpoint, path, `s3://${BUCKET}/aws`],
            env: ENV,
          })),
        ],
      ),
      goals: [
        { contestant: CRC, metric: 'speed', peer: LIB_STORAGE, floor: 7, aim: 14 },
        { contestant: CRC, metric: 'speed', peer: AWS, floor: 6, aim: 10 },
        { contestant: CRC, metric: 'speed', peer: CURL, floor: 0.9, aim: 1.5 },
        { contestant: CRC, metric: 'peak-rss', floor: 110e6, aim: 80e6 },
        { contestant: SHA, metric: 'peak-rss', floor: 110e6, aim: 80e6 },
      ],
    },
    context.rounds,
    context.log,
  );
}

/** The sink counts the bytes of every run; in the first one it computes their CRC32C too. */
function toSink(entry: {
  readonly name: string;
  readonly checks: string;
  readonly command: () => Command | Promise<Command>;
  readonly sink: Sink;
  readonly payload: Payload;
}): Contestant {
  const { name, checks, command, sink, payload } = entry;
  const one = async (): Promise<SinkObject> => {
    const objects = await sink.objects();
    const [object] = objects;
    if (object === undefined || objects.length > 1 || object.size !== payload.size)
      throw new Error(
        `${name}: the sink got ${JSON.stringify(objects)}, expected one of ${payload.size} bytes`,
      );
    if (checks === 'CRC32C' && object.withCrc32c !== object.parts)
      throw new Error(`${name}: ${object.withCrc32c} of ${object.parts} parts came with a CRC32C`);
    return object;
  };
  return {
    name,
    checks,
    command,
    verify: async () => void (await one()),
    async rehearse() {
      await sink.verify(true);
      try {
        await measure(await command());
        const { crc32c, wrongParts } = await one();
        if (crc32c !== payload.crc32c || wrongParts.length > 0)
          throw new Error(
            `${name}: the sink got CRC32C ${crc32c}, expected ${payload.crc32c}; wrong parts: ${wrongParts.join()}`,
          );
      } finally {
        await sink.verify(false);
      }
    },
  };
}

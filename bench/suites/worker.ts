import { mkdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { formatMessage, type BenchMessage } from '../harness/message.ts';
import { writePayload, type Payload } from '../harness/payload.ts';
import { runRace, type Contestant, type RaceResult } from '../harness/race.ts';
import { startServer } from '../servers/child.ts';
import { startNginx } from '../servers/nginx.ts';
import type { QueueState } from '../servers/sqs.ts';
import { BUCKET, chosen, runnerWithJob, sizeText, type Suite, type SuiteContext } from './suite.ts';
import { attachmentOf, storesOf } from './waybill-job.ts';

/** Messages in work at once, for every client. */
const CONCURRENCY = 40;
const MESSAGE_BYTES = 2_048;
const ATTACHMENT_BYTES = 64 * 1024;
/** Payloads that take turns. */
const PAYLOADS = 100;

const WAYBILL = 'Waybill';
const BATCHES = 'sqs-consumer, batches';
const SINGLES = 'sqs-consumer, one by one';

/** Small events through one worker, without and with an attachment. */
export const workerSuite: Suite = {
  name: 'worker',
  summary: `events of 2 KB through one worker, ${CONCURRENCY} at a time, without and with 64 KiB`,
  needs: ({ eventCount }) => ({
    sources: PAYLOADS * ATTACHMENT_BYTES + eventCount * (MESSAGE_BYTES + 64),
    outputs: 0,
  }),
  async run(context) {
    await using nginx = await startNginx(context.workspace.sources);
    const dir = join(context.workspace.sources, BUCKET);
    await mkdir(dir, { recursive: true });
    const payloads: Payload[] = [];
    for (let index = 0; index < PAYLOADS; index += 1)
      payloads.push(await writePayload(join(dir, `${index}.bin`), ATTACHMENT_BYTES));
    const results = [
      await race(context, nginx.plain, { id: 'worker-small', count: context.eventCount, payloads: [] }),
      await race(context, nginx.plain, { id: 'worker-64KiB', count: context.eventCount / 4, payloads }),
    ];
    await rm(dir, { recursive: true });
    return results;
  },
};

interface Load {
  readonly id: string;
  readonly count: number;
  /** Each event has one of them. Empty: events without attachments. */
  readonly payloads: readonly Payload[];
}

async function race(context: SuiteContext, origin: string, load: Load): Promise<RaceResult> {
  const { count, payloads } = load;
  const attachments = payloads.map((payload, index) => attachmentOf(payload, origin, `${index}.bin`));
  const file = join(context.workspace.sources, `${load.id}.messages`);
  const messages: BenchMessage[] = [];
  for (let index = 0; index < count; index += 1)
    messages.push({ bytes: MESSAGE_BYTES, attachment: attachments[index % attachments.length] });
  await writeFile(file, messages.map(formatMessage).join('\n'));
  await using server = await startServer<{ endpoint: string }>('sqs.ts', [file]);
  const { endpoint } = server.ready;
  const bytesEach = attachments.length === 0 ? 0 : ATTACHMENT_BYTES;
  const job = {
    queueUrl: `${endpoint}/000000000000/bench`,
    endpoint,
    count,
    concurrency: CONCURRENCY,
    stores: storesOf(origin),
    s3Endpoint: origin,
    bucket: BUCKET,
  };
  const with_ = attachments.length === 0 ? 'without attachments' : `with ${sizeText(ATTACHMENT_BYTES)} each`;
  const checks = attachments.length === 0 ? ['', ''] : ['CRC32C, SHA-256', 'nothing'];
  const contestant = (name: string, program: string, check = '', more: object = {}): Contestant => ({
    name,
    checks: check,
    command: async () => await runnerWithJob(context, program, { ...job, ...more }, CREDENTIALS),
    async verify({ said }) {
      if (said['bytes'] !== count * bytesEach)
        throw new Error(`${name}: ${String(said['bytes'])} bytes, expected ${count * bytesEach}`);
      const { deleted, wrong } = await stateOf(endpoint, 'state');
      if (deleted !== count || wrong !== 0)
        throw new Error(`${name}: ${deleted} of ${count} messages deleted, ${wrong} deletions were wrong`);
    },
  });
  const result = await runRace(
    {
      id: load.id,
      title: `${count} events of 2 KB ${with_}, ${CONCURRENCY} at a time`,
      reference: BATCHES,
      basis: 'inside',
      bytes: count * (MESSAGE_BYTES + bytesEach),
      requests: count,
      contestants: chosen(
        context,
        [BATCHES],
        [
          contestant(BATCHES, 'sqs-consumer', checks[1], { batches: true }),
          contestant(SINGLES, 'sqs-consumer', checks[1], { batches: false }),
          contestant(WAYBILL, 'waybill-worker', checks[0]),
          contestant(`${WAYBILL}, SDK client`, 'waybill-worker', checks[0], { sdk: true }),
        ],
      ),
      goals: [{ contestant: WAYBILL, metric: 'speed', peer: BATCHES, floor: 1.5, aim: 3 }],
      beforeRun: async () => void (await stateOf(endpoint, 'fill')),
    },
    context.rounds,
    context.log,
  );
  await rm(file);
  return result;
}

const CREDENTIALS = {
  AWS_ACCESS_KEY_ID: 'bench',
  AWS_SECRET_ACCESS_KEY: 'bench',
  AWS_REGION: 'us-east-1',
  AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED: 'true',
};

async function stateOf(endpoint: string, what: 'state' | 'fill'): Promise<QueueState> {
  const response = await fetch(`${endpoint}/-/${what}`, { method: 'POST' });
  return (await response.json()) as QueueState;
}

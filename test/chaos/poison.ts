import { PutEventsCommand, EventBridgeClient } from '@aws-sdk/client-eventbridge';
import { PutObjectCommand, S3Client } from '@aws-sdk/client-s3';
import { SendMessageCommand, SQSClient } from '@aws-sdk/client-sqs';
import { setTimeout as sleep } from 'node:timers/promises';
import { v7 as uuidv7 } from 'uuid';
import { formatDigest } from '../../shared/digest.ts';
import { sha256 } from '../helpers/local-kill/random.ts';
import { PRODUCER, TYPE } from './config.ts';
import { BUCKET, type ChaosExchange } from './exchange.ts';

/** Kinds of poison, and the code under which each must be dead-lettered. */
export const POISONS = {
  'no event at all': 'event-parse',
  'an event without what it needs': 'event-parse',
  'a payload that never was': 'payload-gone',
  'a payload of other bytes': 'checksum-mismatch',
  'a store that nobody knows': 'unknown-store',
  'a handler that says no': 'rejected-by-handler',
} as const;
export type Poison = keyof typeof POISONS;

const SIZE = 100_000;

/** Puts poison among the events, at random moments. @returns what must lie in the dead-letter queue, and why */
export async function spreadPoison(
  { local, signer, config }: ChaosExchange,
  options: {
    readonly count: number;
    readonly overMs: number;
    readonly random: () => number;
    readonly signal: AbortSignal;
  },
): Promise<Map<string, Poison>> {
  const client = { ...local.clientOptions(), maxAttempts: 20 };
  const [s3, sqs, bridge] = [new S3Client(client), new SQSClient(client), new EventBridgeClient(client)];
  const expected = new Map<string, Poison>();
  const kinds = Object.keys(POISONS) as Poison[];

  const attachment = async (id: string, poison: Poison): Promise<object> => {
    const [key, bytes] = [`payloads/${PRODUCER}/${TYPE}/${id}/1`, Buffer.alloc(SIZE, id)];
    let versionId = 'never-was';
    if (poison === 'a payload of other bytes') {
      const put = new PutObjectCommand({ Bucket: BUCKET, Key: key, Body: Buffer.alloc(SIZE, 'other bytes') });
      versionId = (await s3.send(put)).VersionId ?? '';
    }
    const store = poison === 'a store that nobody knows' ? 'nowhere' : 'payloads';
    const digest = formatDigest(Buffer.from(sha256(bytes), 'hex'));
    const retainUntil = new Date(Date.now() + 86_400_000).toISOString();
    const named = { store, key, versionId, size: SIZE, digest, retainUntil };
    const claimCheck = await signer.sign({ eventId: id, attachmentId: '1', type: TYPE, ...named });
    return {
      id: '1',
      name: 'file-1.bin',
      mediaType: 'application/octet-stream',
      ...named,
      claimCheck: claimCheck.reveal(),
    };
  };

  const send = async (id: string, poison: Poison): Promise<void> => {
    if (poison === 'no event at all') {
      await sqs.send(new SendMessageCommand({ QueueUrl: config.queueUrl, MessageBody: `no event ${id}` }));
      return;
    }
    const isHandlers = poison === 'a handler that says no';
    const attachments = isHandlers ? [] : [await attachment(id, poison)];
    const event = {
      specversion: '1.0',
      waybillversion: 1,
      id,
      type: TYPE,
      source: PRODUCER,
      time: new Date().toISOString(),
    };
    const detail = { ...event, data: { index: -1, isPoisoned: isHandlers, attachments } };
    const { specversion: _, ...broken } = detail;
    const Detail = JSON.stringify(poison === 'an event without what it needs' ? broken : detail);
    const Entries = [{ EventBusName: config.bus, Source: PRODUCER, DetailType: TYPE, Detail }];
    const { FailedEntryCount } = await bridge.send(new PutEventsCommand({ Entries }));
    if (FailedEntryCount !== 0) throw new Error('the bus does not take it');
  };

  for (let sent = 0; sent < options.count; sent += 1) {
    await sleep((options.overMs / options.count) * options.random() * 1.5, undefined, {
      signal: options.signal,
    }).catch(() => undefined);
    const [id, poison] = [uuidv7(), kinds[sent % kinds.length] ?? 'no event at all'];
    expected.set(id, poison);
    for (let attempt = 1; ; attempt += 1) {
      try {
        await send(id, poison);
        break;
      } catch (error) {
        if (attempt === 20) throw error;
      }
    }
  }
  for (const each of [s3, sqs, bridge]) each.destroy();
  return expected;
}

/** The id that a poisoned message can be known by, whatever else is wrong with it. */
export function poisonId(body: string): string {
  try {
    return String((JSON.parse(body) as { detail?: { id?: unknown } }).detail?.id);
  } catch {
    return body.slice(-36);
  }
}

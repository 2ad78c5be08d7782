import type { StoredIntent, Intents } from '../outbox/intents.ts';
import {
  abortUpload,
  deleteVersion,
  listOpenUploads,
  listVersions,
  type OpenUpload,
  type PayloadVersion,
} from '../payload-versions.ts';
import type { ResolvedSweepOptions } from './options.ts';
import type { SweepReport, UnfinishedPublish } from './report.ts';
import type { StoreTools } from './store-tools.ts';

/**
 * Finds intents whose publisher never came back, with the payloads and uploads that it left, and removes them if that
 * is wanted and their time is over. Nothing that an event in the outbox names is touched: its intent says so.
 */
export async function sweepIntents(
  intents: Intents,
  waiting: ReadonlySet<string>,
  toolsOf: (store: string) => StoreTools,
  options: ResolvedSweepOptions,
): Promise<UnfinishedPublish[]> {
  const nowMs = options.clock.nowMs();
  const unfinished: UnfinishedPublish[] = [];
  for await (const eventId of intents.untouchedSince(nowMs - options.unfinishedAgeMs)) {
    options.signal?.throwIfAborted();
    const intent = await intents.get(eventId);
    if (intent === undefined || waiting.has(eventId)) continue;
    if ((await intents.published(eventId)) !== undefined) {
      await intents.close(eventId); // its publisher died before it could
      continue;
    }
    unfinished.push(await look(intent, intents, toolsOf(intent.store), options));
  }
  return unfinished;
}

async function look(
  intent: StoredIntent,
  intents: Intents,
  { store, client }: StoreTools,
  options: ResolvedSweepOptions,
): Promise<UnfinishedPublish> {
  const { event, startedAt } = intent;
  const prefix = `payloads/${options.producer}/${event.type}/${event.id}/`;
  const payloads: PayloadVersion[] = [];
  for await (const version of listVersions(client, store.bucket, prefix)) payloads.push(version);
  const uploads: OpenUpload[] = [];
  for await (const upload of listOpenUploads(client, store.bucket, prefix)) uploads.push(upload);

  let deleted = false;
  // Young again by our own mark, so that a publisher that takes it up later begins anew.
  const isOver = options.clock.nowMs() - intent.touchedAtMs >= options.graceMs;
  if (options.delete && isOver && (await intents.abandon(intent))) {
    for (const version of payloads) await deleteVersion(client, store.bucket, version);
    for (const upload of uploads) await abortUpload(client, store.bucket, upload);
    await intents.close(event.id);
    deleted = true;
  }
  return {
    eventId: event.id,
    type: event.type,
    source: event.source,
    startedAt,
    store: store.name,
    payloads: payloads.map(({ key, versionId, size }) => ({ key, versionId, size })),
    uploads: uploads.map(({ key, uploadId, initiatedAtMs }) => ({
      key,
      uploadId,
      initiatedAt: new Date(initiatedAtMs).toISOString(),
    })),
    deleted,
  };
}

/**
 * Finds open multipart uploads of the producer that no intent knows: of publishers without an outbox.
 * @param known keys that were reported with their intents
 */
export async function sweepUploads(
  intents: Intents,
  tools: StoreTools,
  options: ResolvedSweepOptions,
): Promise<SweepReport['strayUploads'][number][]> {
  const { store, client } = tools;
  const nowMs = options.clock.nowMs();
  const stray: SweepReport['strayUploads'][number][] = [];
  for await (const upload of listOpenUploads(client, store.bucket, `payloads/${options.producer}/`)) {
    const ageMs = nowMs - upload.initiatedAtMs;
    const eventId = upload.key.split('/')[3] ?? '';
    if (ageMs < options.unfinishedAgeMs || (await intents.get(eventId)) !== undefined) continue;
    const deleted = options.delete && ageMs >= options.graceMs;
    if (deleted) await abortUpload(client, store.bucket, upload);
    stray.push({
      store: store.name,
      key: upload.key,
      uploadId: upload.uploadId,
      initiatedAt: new Date(upload.initiatedAtMs).toISOString(),
      deleted,
    });
  }
  return stray;
}

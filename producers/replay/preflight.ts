import { GetObjectCommand } from '@aws-sdk/client-s3';
import { awsErrorStatus } from '../../shared/aws-failure.ts';
import type { Clock } from '../../shared/clock.ts';
import { EventParseError } from '../../shared/errors.ts';
import { parseManifest, type Attachment, type WaybillEvent } from '../../shared/events/index.ts';
import { MAX_MANIFEST_BYTES } from '../../shared/limits.ts';
import { mapBounded } from '../url-service/map-bounded.ts';
import { payloadState } from '../url-service/payload-state.ts';
import type { StoreTools } from './republish.ts';
import type { PayloadFinding, PayloadProblem } from './types.ts';

/** Requests under way at once. */
const PARALLELISM = 16;

/** What was found about the payloads of some events. */
export interface Preflight {
  readonly findings: readonly PayloadFinding[];
  readonly checked: number;
}

/**
 * Asks S3 about every payload that events name, by its version: whether it is there, revoked, past its retention.
 * Reads only. Attachments behind a manifest are read from it. Needs `s3:GetObjectVersionTagging`, and
 * `s3:GetObjectVersion` for manifests; what it may not read is `unreadable`.
 * @throws whatever S3 throws for other reasons than the payload: down, no such bucket
 */
export async function preflight(
  events: readonly WaybillEvent[],
  tools: (store: string) => StoreTools | undefined,
  clock: Pick<Clock, 'nowMs'>,
  signal: AbortSignal | undefined,
): Promise<Preflight> {
  const named = events.flatMap((event) => {
    const { manifest, attachments } = event.data;
    return (manifest === undefined ? attachments : [manifest]).map((attachment) => ({ event, attachment }));
  });
  const look = async ({ event, attachment }: (typeof named)[number]) => {
    const problem = await problemOf(attachment, tools, clock, signal);
    return problem === undefined ? [] : [finding(event, attachment, problem)];
  };
  const found = await mapBounded(named, PARALLELISM, look);
  const manifests = named.filter(
    ({ event, attachment }, index) => attachment === event.data.manifest && found[index]?.length === 0,
  );
  let checked = named.length;
  for (const { event, attachment } of manifests) {
    const listed = await attachmentsOf(attachment, tools(attachment.store), signal);
    if (listed === undefined) {
      found.push([finding(event, attachment, 'unreadable')]);
      continue;
    }
    checked += listed.length;
    const behind = listed.map((each) => ({ event, attachment: each }));
    found.push(...(await mapBounded(behind, PARALLELISM, look)));
  }
  return { findings: found.flat(), checked };
}

async function problemOf(
  { store, key, versionId, retainUntil }: Attachment,
  tools: (store: string) => StoreTools | undefined,
  clock: Pick<Clock, 'nowMs'>,
  signal: AbortSignal | undefined,
): Promise<PayloadProblem | undefined> {
  const known = tools(store);
  if (known === undefined) return 'unknown-store';
  try {
    const state = await payloadState(known.client, { bucket: known.store.bucket, key, versionId }, signal);
    if (state !== 'present') return state;
    return Date.parse(retainUntil) <= clock.nowMs() ? 'past-retention' : undefined;
  } catch (error) {
    signal?.throwIfAborted();
    if (awsErrorStatus(error) === 403) return 'unreadable';
    throw error;
  }
}

/** What a manifest lists; undefined if it is none. */
async function attachmentsOf(
  { key, versionId }: Attachment,
  tools: StoreTools | undefined,
  signal: AbortSignal | undefined,
): Promise<readonly Attachment[] | undefined> {
  if (tools === undefined) return undefined;
  const { Body, ContentLength = 0 } = await tools.client.send(
    new GetObjectCommand({ Bucket: tools.store.bucket, Key: key, VersionId: versionId }),
    signal === undefined ? {} : { abortSignal: signal },
  );
  if (ContentLength > MAX_MANIFEST_BYTES) {
    if (Body !== undefined && 'destroy' in Body) Body.destroy();
    return undefined;
  }
  try {
    return parseManifest((await Body?.transformToString()) ?? '', MAX_MANIFEST_BYTES).attachments;
  } catch (error) {
    if (error instanceof EventParseError) return undefined;
    throw error;
  }
}

function finding(
  { id: eventId, source }: WaybillEvent,
  { id: attachmentId, name, store, key, versionId }: Attachment,
  problem: PayloadProblem,
): PayloadFinding {
  return { eventId, source, attachmentId, name, store, key, versionId, problem };
}

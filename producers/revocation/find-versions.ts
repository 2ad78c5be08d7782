import {
  ListObjectVersionsCommand,
  type ListObjectVersionsCommandOutput,
  type S3Client,
} from '@aws-sdk/client-s3';
import { PAYLOAD_PREFIX } from '../../shared/topology.ts';
import { mintedAtMs } from '../event-id.ts';
import { readLedger, type LedgerEntry } from '../ledger/index.ts';
import { listVersions, type PayloadVersion } from '../payload-versions.ts';
import type { RevocationTools } from './options.ts';

/** A version of a payload, or a delete marker that hides it, and the store where it lies. */
export interface FoundVersion extends PayloadVersion {
  /** Logical name. */
  readonly store: string;
}

/** How long after its id was minted an event is looked for in the ledger. */
const LEDGER_WINDOW_MS = 86_400_000;
/** How far the clocks of producer and reader may be apart. */
const SKEW_MS = 60_000;

/**
 * Finds what a target means: of an event everything under its own prefix, and the stored payloads that the ledger says
 * it names; of a key every version, or the one that is given.
 */
export async function findVersions(tools: RevocationTools): Promise<FoundVersion[]> {
  const { target } = tools;
  if ('eventId' in target) return await versionsOfEvent(target.eventId, tools);
  const { store = '', key, versionId } = target;
  const versions = await versionsUnder(store, key, { exact: true }, tools);
  return versionId === undefined ? versions : versions.filter((each) => each.versionId === versionId);
}

async function versionsOfEvent(eventId: string, tools: RevocationTools): Promise<FoundVersion[]> {
  const entry = await ledgerEntryOf(eventId, tools);
  const found = new Map<string, FoundVersion>();
  const add = (versions: readonly FoundVersion[]): void => {
    for (const each of versions) found.set(JSON.stringify([each.store, each.key, each.versionId]), each);
  };
  for (const store of tools.stores.names) {
    const {
      client,
      store: { bucket },
    } = tools.storeOf(store);
    const folders =
      entry === undefined
        ? typeFolders(client, bucket, tools.signal)
        : [`${PAYLOAD_PREFIX}${entry.producer}/${entry.event.type}/`];
    for await (const folder of folders)
      add(await versionsUnder(store, `${folder}${eventId}/`, { exact: false }, tools));
  }
  for (const { store, key, versionId } of attachmentsOf(entry)) {
    if (key.includes(`/${eventId}/`)) continue; // its own, found above
    const versions = await versionsUnder(store, key, { exact: true }, tools);
    add(versions.filter((each) => each.versionId === versionId));
  }
  return [...found.values()];
}

function attachmentsOf(entry: LedgerEntry | undefined) {
  if (entry === undefined) return [];
  const { attachments, manifest } = entry.event.data;
  return manifest === undefined ? attachments : [...attachments, manifest];
}

async function ledgerEntryOf(
  eventId: string,
  { records, signal }: RevocationTools,
): Promise<LedgerEntry | undefined> {
  const mintedMs = mintedAtMs(eventId);
  const range = {
    from: new Date(Math.max(0, mintedMs - SKEW_MS)),
    to: new Date(mintedMs + LEDGER_WINDOW_MS),
  };
  for await (const entry of readLedger(records, { ...range, signal }))
    if (entry.event.id === eventId) return entry;
  return undefined;
}

async function versionsUnder(
  store: string,
  prefix: string,
  { exact }: { readonly exact: boolean },
  { storeOf, signal }: RevocationTools,
): Promise<FoundVersion[]> {
  const {
    client,
    store: { bucket },
  } = storeOf(store);
  const versions: FoundVersion[] = [];
  for await (const version of listVersions(client, bucket, prefix, { exact, signal }))
    versions.push({ store, ...version });
  return versions;
}

/** `payloads/<producer>/<type>/` of every producer and type; also where all that is left are old versions. */
async function* typeFolders(
  client: S3Client,
  bucket: string,
  signal: AbortSignal | undefined,
): AsyncGenerator<string> {
  for await (const producer of folders(client, bucket, PAYLOAD_PREFIX, signal))
    yield* folders(client, bucket, producer, signal);
}

async function* folders(
  client: S3Client,
  bucket: string,
  prefix: string,
  signal: AbortSignal | undefined,
): AsyncGenerator<string> {
  let marker: { KeyMarker?: string; VersionIdMarker?: string } | undefined = {};
  while (marker !== undefined) {
    const page: ListObjectVersionsCommandOutput = await client.send(
      new ListObjectVersionsCommand({ Bucket: bucket, Prefix: prefix, Delimiter: '/', ...marker }),
      signal === undefined ? {} : { abortSignal: signal },
    );
    for (const { Prefix = '' } of page.CommonPrefixes ?? []) yield Prefix;
    const { IsTruncated, NextKeyMarker = '', NextVersionIdMarker } = page;
    marker =
      IsTruncated !== true
        ? undefined
        : {
            KeyMarker: NextKeyMarker,
            ...(NextVersionIdMarker === undefined ? {} : { VersionIdMarker: NextVersionIdMarker }),
          };
  }
}

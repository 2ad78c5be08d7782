import type { AttachmentInput } from '../../shared/events/index.ts';
import type { StoresOptions } from '../../shared/stores.ts';
import type { Payload } from '../harness/payload.ts';
import { BUCKET, STORE, VERSION } from './suite.ts';

const DAY_MS = 86_400_000;

/** What an event would say of a payload that nginx serves at `origin`. */
export function attachmentOf(payload: Payload, origin: string, name: string): AttachmentInput {
  const nowMs = Date.now();
  const tomorrow = new Date(nowMs + DAY_MS).toISOString();
  return {
    id: 'payload',
    name,
    size: payload.size,
    digest: payload.digest,
    checksum: { algorithm: 'CRC32C', value: payload.crc32c, type: 'FULL_OBJECT' },
    store: STORE,
    key: name,
    versionId: VERSION,
    access: {
      method: 'GET',
      url: urlOf(origin, name),
      issuedAt: new Date(nowMs).toISOString(),
      expiresAt: tomorrow,
    },
    retainUntil: tomorrow,
  };
}

export function storesOf(origin: string): StoresOptions {
  return { [STORE]: { bucket: BUCKET, region: 'us-east-1', endpoint: origin, pathStyle: true } };
}

export function urlOf(origin: string, name: string): string {
  return `${origin}/${BUCKET}/${name}?versionId=${VERSION}`;
}

import { createHash, randomBytes } from 'node:crypto';
import { z } from 'zod';
import { systemClock, type Clock } from '../../shared/clock.ts';
import type { Records, StoredRecord } from '../../shared/records/index.ts';
import type { UploadService } from './core.ts';
import type { FileUrl, UploadedFiles } from './files.ts';
import { UploadProblem } from './problem.ts';
import type { LinkRequest } from './schema.ts';

/** A link as the control bucket has it, at `links/<SHA-256 of its secret>.json`. Version 1. */
const linkRecordSchema = z.looseObject({
  version: z.literal(1),
  uploadId: z.string(),
  owner: z.string(),
  createdAt: z.string(),
  expiresAt: z.string(),
  maxUses: z.int(),
  uses: z.int(),
  revokedAt: z.string().optional(),
});
type LinkRecord = z.output<typeof linkRecordSchema>;

/** What a person sees before the download. */
export interface LinkPreview {
  readonly name: string;
  readonly size: number;
  readonly mediaType: string;
  readonly expiresAt: string;
}

/** Links for people: what is mailed lives longer than any presigned URL, and can be taken back. */
export interface FileLinks {
  /** @returns the secret, which is kept nowhere, and the id by which the link is revoked */
  create(
    owner: string,
    uploadId: string,
    request: LinkRequest,
  ): Promise<{ secret: string; linkId: string; expiresAt: string; maxUses: number }>;
  /** Looks without using: a mail scanner's GET burns nothing. @throws {UploadProblem} not-found, gone */
  preview(secret: string): Promise<LinkPreview>;
  /** Uses the link once. @throws {UploadProblem} not-found, gone (expired, revoked, used up), conflict */
  redeem(secret: string): Promise<FileUrl>;
  /** @throws {UploadProblem} not-found, also for another owner's */
  revoke(owner: string, linkId: string): Promise<void>;
}

/** Attempts to count a use while others use the same link. */
const MAX_RACES = 20;

export function createFileLinks(
  { records, service, files }: { records: Records; service: UploadService; files: UploadedFiles },
  clock: Pick<Clock, 'nowMs'> = systemClock,
): FileLinks {
  const iso = (ms: number): string => new Date(ms).toISOString();
  const keyOf = (linkId: string): string => `links/${linkId}.json`;

  const read = async (linkId: string): Promise<{ stored: StoredRecord; link: LinkRecord }> => {
    const stored = /^[0-9a-f]{64}$/.test(linkId) ? await records.get(keyOf(linkId)) : undefined;
    if (stored === undefined) throw new UploadProblem('not-found', 'There is no such link.');
    return { stored, link: linkRecordSchema.parse(JSON.parse(stored.body)) };
  };

  const usable = async (secret: string): Promise<{ stored: StoredRecord; link: LinkRecord }> => {
    const found = await read(hashOf(secret));
    const { revokedAt, expiresAt, uses, maxUses } = found.link;
    if (revokedAt !== undefined) throw new UploadProblem('gone', 'This link was taken back by its sender.');
    if (Date.parse(expiresAt) <= clock.nowMs())
      throw new UploadProblem('gone', `This link ended on ${expiresAt.slice(0, 10)}.`);
    if (uses >= maxUses) throw new UploadProblem('gone', 'This link was used as often as it may be.');
    return found;
  };

  return {
    async create(owner, uploadId, { expiresInSeconds, maxUses }) {
      const { record } = await service.recordOf(owner, uploadId);
      await files.urlOf(record); // refuses what cannot be fetched
      const secret = randomBytes(24).toString('base64url');
      const linkId = hashOf(secret);
      const nowMs = clock.nowMs();
      const expiresAt = iso(nowMs + expiresInSeconds * 1000);
      const link: LinkRecord = {
        version: 1,
        uploadId,
        owner,
        createdAt: iso(nowMs),
        expiresAt,
        maxUses,
        uses: 0,
      };
      await records.create(keyOf(linkId), JSON.stringify(link));
      return { secret, linkId, expiresAt, maxUses };
    },
    async preview(secret) {
      const { link } = await usable(secret);
      const { record } = await service.recordOf(link.owner, link.uploadId);
      await files.urlOf(record);
      const { name, size, mediaType } = record;
      return { name: name.split('/').at(-1) ?? name, size, mediaType, expiresAt: link.expiresAt };
    },
    async redeem(secret) {
      for (let race = 0; race < MAX_RACES; race += 1) {
        const { stored, link } = await usable(secret);
        const { record } = await service.recordOf(link.owner, link.uploadId);
        const url = await files.urlOf(record);
        // Counted before it is given away; the nonce tells two uses apart whose counts are the same.
        const used = { ...link, uses: link.uses + 1, use: randomBytes(8).toString('hex') };
        const counted = await records.replace(stored.key, JSON.stringify(used), stored.etag);
        if (counted.outcome === 'replaced') return url;
      }
      throw new UploadProblem('conflict', 'Too many people use this link just now; try again.');
    },
    async revoke(owner, linkId) {
      for (let race = 0; race < MAX_RACES; race += 1) {
        const { stored, link } = await read(linkId);
        if (link.owner !== owner) throw new UploadProblem('not-found', 'There is no such link.');
        if (link.revokedAt !== undefined) return;
        const revoked = { ...link, revokedAt: iso(clock.nowMs()) };
        const done = await records.replace(stored.key, JSON.stringify(revoked), stored.etag);
        if (done.outcome === 'replaced') return;
      }
      throw new UploadProblem('conflict', 'This link is used just now; try again.');
    },
  };
}

/** What is kept of a secret: whoever reads the control bucket cannot use a link. */
function hashOf(secret: string): string {
  return createHash('sha256').update(secret).digest('hex');
}

import { systemClock, type Clock } from '../../shared/clock.ts';
import { createGetPresigner } from '../../shared/presign.ts';
import { checkTtl } from '../../shared/presign-signer.ts';
import { payloadState } from '../url-service/payload-state.ts';
import type { UploadService } from './core.ts';
import { UploadProblem } from './problem.ts';
import { toStatus, type UploadRecord } from './record.ts';
import type { UploadStatus } from './schema.ts';
import { parseUploadId } from './upload-id.ts';

/** Files of one page of a listing. */
const PAGE = 100;

/** A URL to be shown once to the one who may have it. */
export interface FileUrl {
  /** Secret. */
  readonly url: string;
  readonly expiresAt: string;
}

/** What owners may do with what they uploaded. */
export interface UploadedFiles {
  /** The owner's uploads, newest first. @param after an upload id, from `next` */
  list(owner: string, after?: string): Promise<{ files: UploadStatus[]; next?: string }>;
  /** A fresh URL that downloads the file under its name. @throws {UploadProblem} not-found, conflict, gone */
  url(owner: string, uploadId: string): Promise<FileUrl>;
  /** The same for a record that was found by other means than its owner's word. @throws {UploadProblem} conflict, gone */
  urlOf(record: UploadRecord): Promise<FileUrl>;
}

/** @throws {RangeError} when `urlTtlSeconds` is not 1 to 604,800 */
export function createUploadedFiles(
  service: UploadService,
  options: {
    /** Life of download URLs. @default 300 */
    readonly urlTtlSeconds?: number;
    readonly clock?: Clock;
  } = {},
): UploadedFiles {
  const { store, s3, records } = service;
  const ttlSeconds = checkTtl('urlTtlSeconds', options.urlTtlSeconds ?? 300);
  const presigner = createGetPresigner({ store, client: s3, clock: options.clock ?? systemClock });

  const urlOf = async ({ accepted, state, key, name }: UploadRecord): Promise<FileUrl> => {
    if (accepted === undefined)
      throw new UploadProblem('conflict', `This file is ${state}; it can be fetched once it is accepted.`, {
        state,
      });
    const { versionId } = accepted;
    const there = await payloadState(s3, { bucket: store.bucket, key, versionId }, undefined);
    if (there !== 'present')
      throw new UploadProblem('gone', there === 'revoked' ? 'This file was revoked.' : 'This file is gone.');
    const { url, expiresAt } = await presigner.presign({
      key,
      versionId,
      ttlSeconds,
      responseContentDisposition: attachmentDisposition(name),
    });
    return { url: url.reveal(), expiresAt };
  };

  return {
    urlOf,
    url: async (owner, uploadId) => await urlOf((await service.recordOf(owner, uploadId)).record),
    async list(owner, after) {
      if (after !== undefined && parseUploadId(after) === undefined)
        throw new UploadProblem('bad-request', 'after: got no upload id.');
      const ids: string[] = [];
      for await (const id of records.ofOwner(owner)) {
        if (after !== undefined && id >= after) break;
        ids.push(id);
      }
      const page = ids.slice(-PAGE).reverse();
      const found = await Promise.all(page.map(async (id) => await records.get(id)));
      const files = found.flatMap((stored) =>
        stored === undefined || stored.record.owner !== owner ? [] : [toStatus(stored.record)],
      );
      const next = ids.length > PAGE ? page.at(-1) : undefined;
      return next === undefined ? { files } : { files, next };
    },
  };
}

/**
 * Content-Disposition for saving under a name: plain for old software, RFC 8187 for the rest.
 * @see https://www.rfc-editor.org/rfc/rfc6266#section-4.3
 */
export function attachmentDisposition(name: string): string {
  const last = name.split('/').at(-1) ?? name;
  const plain = last.replaceAll(/[^\u0020-\u007e]|["\\%]/g, '_');
  const encoded = encodeURIComponent(last).replaceAll(
    /['()*]/g,
    (character) => `%${character.charCodeAt(0).toString(16).toUpperCase()}`,
  );
  return `attachment; filename="${plain}"; filename*=UTF-8''${encoded}`;
}

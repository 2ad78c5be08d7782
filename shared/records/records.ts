import {
  DeleteObjectCommand,
  GetObjectCommand,
  ListObjectsV2Command,
  PutObjectCommand,
  type ListObjectsV2CommandOutput,
} from '@aws-sdk/client-s3';
import { resolveRecordsOptions, type RecordsOptions } from './options.ts';
import {
  createRecordRequests,
  isMissing,
  isRefusedCondition,
  mayHaveApplied,
  RaceLostError,
} from './requests.ts';
import type {
  CreateOutcome,
  ListOptions,
  RecordCall,
  RecordInfo,
  Records,
  RemoveOutcome,
  ReplaceOutcome,
  StoredRecord,
} from './types.ts';

/** Keys of one page. @see https://docs.aws.amazon.com/AmazonS3/latest/API/API_ListObjectsV2.html */
const PAGE_KEYS = 1000;

/** Largest record that is read, in bytes: ten events of 1 MB each, and room. */
const MAX_RECORD_BYTES = 16 * 1024 ** 2;

/**
 * Makes the records of a control bucket.
 * @throws {TypeError|RangeError} naming the option that is wrong
 * @example
 * const records = createRecords({ control: { bucket: 'exchange-control', region: 'eu-central-1' } });
 * const made = await records.create('idempotency/billing/…', JSON.stringify({ owner: token }));
 * if (made.outcome === 'exists') console.log('somebody else has it', made.record.body);
 */
export function createRecords(options: RecordsOptions): Records {
  const resolved = resolveRecordsOptions(options);
  const { bucket: Bucket, client, ownsClient } = resolved;
  const requests = createRecordRequests(resolved);
  const named = (operation: string, key: string): string => `${operation} s3://${Bucket}/${key}`;

  const readOnce = async (
    key: string,
    signal: AbortSignal | undefined,
  ): Promise<StoredRecord | undefined> => {
    try {
      return await requests.once(named('GetObject', key), signal, async (s3, abortSignal) => {
        const answer = await s3.send(new GetObjectCommand({ Bucket, Key: key }), { abortSignal });
        const { Body, ETag, LastModified, ContentLength = 0 } = answer;
        if (ContentLength > MAX_RECORD_BYTES)
          throw new Error(`got ${ContentLength} bytes, expected at most ${MAX_RECORD_BYTES}`);
        const body = (await Body?.transformToString('utf8')) ?? '';
        return { key, body, etag: present('ETag', ETag), modifiedAtMs: LastModified?.getTime() ?? 0 };
      });
    } catch (error) {
      if (isMissing(error)) return undefined;
      throw error;
    }
  };

  /** Whether the write took effect; if not, what stands there instead. */
  const write = async (
    key: string,
    body: string,
    condition: { readonly IfNoneMatch: '*' } | { readonly IfMatch: string },
    signal: AbortSignal | undefined,
  ): Promise<{ readonly etag: string } | { readonly stored: StoredRecord | undefined }> => {
    const what = named('PutObject', key);
    const command = { Bucket, Key: key, Body: body, ContentType: 'application/json', ...condition };
    let answerLost = false;
    return await requests.retried(what, signal, async () => {
      try {
        const { ETag } = await requests.once(
          what,
          signal,
          async (s3, abortSignal) => await s3.send(new PutObjectCommand(command), { abortSignal }),
        );
        return { etag: present('ETag', ETag) };
      } catch (error) {
        answerLost ||= mayHaveApplied(error);
        if (isMissing(error) && 'IfMatch' in condition) return { stored: undefined };
        if (!isRefusedCondition(error)) throw error;
        const stored = await readOnce(key, signal);
        if (answerLost && stored?.body === body) return { etag: stored.etag };
        if (stored === undefined && 'IfNoneMatch' in condition)
          throw new RaceLostError('it was there, and is gone');
        return { stored };
      }
    });
  };

  const create = async (key: string, body: string, call?: RecordCall): Promise<CreateOutcome> => {
    const written = await write(key, body, { IfNoneMatch: '*' }, call?.signal);
    if ('etag' in written) return { outcome: 'created', etag: written.etag };
    if (written.stored === undefined) throw new RaceLostError(named('PutObject', key)); // write() never says so
    return { outcome: 'exists', record: written.stored };
  };

  const replace = async (
    key: string,
    body: string,
    etag: string,
    call?: RecordCall,
  ): Promise<ReplaceOutcome> => {
    const written = await write(key, body, { IfMatch: etag }, call?.signal);
    if ('etag' in written) return { outcome: 'replaced', etag: written.etag };
    return written.stored === undefined
      ? { outcome: 'missing' }
      : { outcome: 'changed', record: written.stored };
  };

  const remove = async (
    key: string,
    { etag, signal }: RecordCall & { readonly etag?: string } = {},
  ): Promise<RemoveOutcome> => {
    const what = named('DeleteObject', key);
    const command = { Bucket, Key: key, ...(etag === undefined ? {} : { IfMatch: etag }) };
    return await requests.retried<RemoveOutcome>(what, signal, async () => {
      try {
        await requests.once(
          what,
          signal,
          async (s3, abortSignal) => await s3.send(new DeleteObjectCommand(command), { abortSignal }),
        );
        return { outcome: 'removed' };
      } catch (error) {
        if (isMissing(error)) return { outcome: 'removed' };
        if (isRefusedCondition(error)) return { outcome: 'changed' };
        throw error;
      }
    });
  };

  const pages = async function* (
    prefix: string,
    { startAfter, signal }: ListOptions,
    grouping: { readonly Delimiter?: string },
  ): AsyncGenerator<ListObjectsV2CommandOutput> {
    const what = named('ListObjectsV2', prefix);
    let token: string | undefined;
    do {
      const from =
        token === undefined
          ? startAfter === undefined
            ? {}
            : { StartAfter: startAfter }
          : { ContinuationToken: token };
      const command = { Bucket, Prefix: prefix, MaxKeys: PAGE_KEYS, ...grouping, ...from };
      const page = await requests.retried(
        what,
        signal,
        async () =>
          await requests.once(
            what,
            signal,
            async (s3, abortSignal) => await s3.send(new ListObjectsV2Command(command), { abortSignal }),
          ),
      );
      yield page;
      token = page.IsTruncated === true ? page.NextContinuationToken : undefined;
    } while (token !== undefined);
  };

  const list = async function* (prefix: string, options: ListOptions = {}): AsyncGenerator<RecordInfo> {
    for await (const { Contents = [] } of pages(prefix, options, {})) {
      for (const { Key = '', ETag = '', Size = 0, LastModified } of Contents) {
        if (isPast(Key, options.endBefore)) return;
        yield { key: Key, etag: ETag, sizeBytes: Size, modifiedAtMs: LastModified?.getTime() ?? 0 };
      }
    }
  };

  const folders = async function* (prefix: string, options: ListOptions = {}): AsyncGenerator<string> {
    for await (const { CommonPrefixes = [] } of pages(prefix, options, { Delimiter: '/' })) {
      for (const { Prefix = '' } of CommonPrefixes) {
        if (isPast(Prefix, options.endBefore)) return;
        yield Prefix;
      }
    }
  };

  return {
    get: async (key, call) =>
      await requests.retried(
        named('GetObject', key),
        call?.signal,
        async () => await readOnce(key, call?.signal),
      ),
    create,
    replace,
    remove,
    list,
    folders,
    close: () => {
      if (ownsClient) client.destroy();
    },
  };
}

/** S3 orders keys by their UTF-8 bytes. */
function isPast(key: string, endBefore: string | undefined): boolean {
  return endBefore !== undefined && Buffer.compare(Buffer.from(key), Buffer.from(endBefore)) >= 0;
}

function present(field: string, value: string | undefined): string {
  if (value !== undefined && value !== '') return value;
  throw new Error(`the answer holds no ${field}`);
}

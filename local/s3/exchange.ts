import type { IncomingMessage, ServerResponse } from 'node:http';
import type { SigV4Success } from '../../shared/sigv4.ts';
import type { Caller } from '../caller.ts';
import type { Fault } from '../faults.ts';
import { S3Error, invalidArgument } from './errors.ts';
import type { Signer } from './access.ts';
import type { S3ServiceOptions } from './options.ts';
import type { Bucket } from './store/bucket.ts';
import type { VersionRecord } from './store/records.ts';
import type { Store } from './store/store.ts';
import { toXml, toXmlText } from './xml.ts';
import type { XmlValue } from './xml.ts';

/** What an exchange is made of. */
export interface ExchangeParts {
  readonly req: IncomingMessage;
  readonly res: ServerResponse;
  readonly store: Store;
  readonly options: S3ServiceOptions;
  readonly operation: string;
  readonly bucketName?: string;
  readonly key?: string;
  readonly query: ReadonlyMap<string, string>;
  readonly requestId: string;
  readonly faults: readonly Fault[];
  /** Absent for anonymous requests, and for POST forms, which carry their signature in the form. */
  readonly auth?: SigV4Success;
  /** Whose policies decide; of a POST form, nobody: its signer is known when it is read. */
  readonly signer: Signer;
  readonly callerOf: (accessKeyId: string) => Caller;
}

/** Longest XML body and the like, in bytes. S3 caps DeleteObjects at 2 MB. */
export const MAX_DOCUMENT_BYTES = 2 * 1024 * 1024;

/** One request whose signature is verified, and its answer, as actions see them. */
export class Exchange {
  readonly req: IncomingMessage;
  readonly res: ServerResponse;
  readonly store: Store;
  readonly options: S3ServiceOptions;
  readonly operation: string;
  readonly query: ReadonlyMap<string, string>;
  readonly requestId: string;
  readonly faults: readonly Fault[];
  readonly auth: SigV4Success | undefined;
  readonly signer: Signer;
  readonly #callerOf: (accessKeyId: string) => Caller;
  readonly #bucketName: string | undefined;
  readonly #key: string | undefined;

  constructor(parts: ExchangeParts) {
    this.req = parts.req;
    this.res = parts.res;
    this.store = parts.store;
    this.options = parts.options;
    this.operation = parts.operation;
    this.query = parts.query;
    this.requestId = parts.requestId;
    this.faults = parts.faults;
    this.auth = parts.auth;
    this.signer = parts.signer;
    this.#callerOf = parts.callerOf;
    this.#bucketName = parts.bucketName;
    this.#key = parts.key;
  }

  get presigned(): boolean {
    return this.auth?.authType === 'REST-QUERY-STRING';
  }

  get bucketName(): string {
    if (this.#bucketName === undefined) throw new S3Error('InvalidBucketName');
    return this.#bucketName;
  }

  /** @throws {S3Error} NoSuchBucket */
  get bucket(): Bucket {
    return this.store.bucket(this.bucketName);
  }

  get key(): string {
    if (this.#key === undefined) throw invalidArgument('A key must be specified', 'key', '');
    return this.#key;
  }

  get nowMs(): number {
    return this.options.clock.nowMs();
  }

  /** The caller of an access key that has signed. */
  callerOf(accessKeyId: string): Caller {
    return this.#callerOf(accessKeyId);
  }

  /** A request header, by lower-case name. */
  header(name: string): string | undefined {
    const value = this.req.headers[name];
    return Array.isArray(value) ? value.join(', ') : value;
  }

  /** A header, or for presigned requests the query parameter that the signer hoisted it into. */
  headerOrHoisted(name: string): string | undefined {
    return this.header(name) ?? (this.presigned ? this.query.get(name) : undefined);
  }

  hasFault(kind: Fault['kind']): boolean {
    return this.faults.some((fault) => fault.kind === kind);
  }

  /** Answers without a body. */
  sendEmpty(status: number, headers: Readonly<Record<string, string>> = {}): void {
    if (status !== 204 && status !== 304 && headers['content-length'] === undefined) {
      this.res.setHeader('content-length', 0);
    }
    this.res.writeHead(status, headers);
    this.res.end();
  }

  /** Answers with an XML document. */
  sendXml(
    root: string,
    children: { readonly [name: string]: XmlValue },
    headers: Readonly<Record<string, string>> = {},
  ): void {
    this.#sendDocument(toXml(root, children), headers);
  }

  /** Answers with an XML document whose root holds text only. */
  sendXmlText(root: string, text: string): void {
    this.#sendDocument(toXmlText(root, text), {});
  }

  #sendDocument(xml: string, headers: Readonly<Record<string, string>>): void {
    const body = Buffer.from(xml);
    this.res.writeHead(200, {
      'content-type': 'application/xml',
      'content-length': body.length,
      ...headers,
    });
    this.res.end(body);
  }
}

/** Reports a new object to whoever listens. */
export function announceObject(
  exchange: Exchange,
  record: VersionRecord,
  reason: 'PutObject' | 'POST Object' | 'CopyObject' | 'CompleteMultipartUpload',
): void {
  const event = {
    bucket: exchange.bucketName,
    key: record.key,
    versionId: record.versionId,
    size: record.sizeBytes,
    etag: record.etag,
    sequencer: record.sequence.toString(16).toUpperCase().padStart(18, '0'),
    reason,
    requestId: exchange.requestId,
    atMs: record.modifiedAtMs,
  };
  try {
    exchange.options.onObjectCreated?.(event);
  } catch {
    // The object is published; a listener's trouble must not make the client believe otherwise.
  }
}

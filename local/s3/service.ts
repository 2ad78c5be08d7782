import { randomUUID } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { nonEmptyString } from '../../shared/options.ts';
import { parseRawQuery } from '../../shared/sigv4-encoding.ts';
import { armResponse } from '../faults.ts';
import type { Fault } from '../faults.ts';
import { isBucketName, parseAddress } from './address.ts';
import { ANONYMOUS, createCallers } from '../caller.ts';
import type { Caller } from '../caller.ts';
import { requireAccess } from './access.ts';
import { accessesOf } from './action-of.ts';
import { authenticate } from './authenticate.ts';
import { checkBucketPolicy } from './bucket-policy.ts';
import { answerPreflight, applyCors } from './cors.ts';
import { S3Error } from './errors.ts';
import { Exchange } from './exchange.ts';
import { hideMissing } from './hide-missing.ts';
import { runLifecycleRules } from './lifecycle/run.ts';
import type { LifecycleReport } from './lifecycle/run.ts';
import type { S3ServiceOptions } from './options.ts';
import { OWNER_ACCOUNT_ID } from './owner.ts';
import { drainRequest, errorFacts, sendError } from './respond-error.ts';
import { checkExpectedOwner, checkHeaders, findRoute } from './router.ts';
import { signedHeaders } from './signed-headers.ts';
import { Store } from './store/store.ts';
import { responseDone } from './stream-object.ts';

export type { ObjectCreatedEvent, S3Identity, S3ServiceOptions } from './options.ts';

/** The embedded S3, without a server of its own. */
export interface S3Service {
  /** Answers one request. Never rejects. */
  handle(req: IncomingMessage, res: ServerResponse): Promise<void>;
  /**
   * Makes a bucket, unless it is there, and gives it its policy.
   * @throws {RangeError} if the name breaks S3's rules
   * @throws {TypeError} if S3 would not take the policy
   */
  createBucket(
    name: string,
    options?: { readonly versioning?: boolean; readonly policy?: object },
  ): Promise<void>;
  /** Carries out the buckets' lifecycle rules that are due by the clock. Nothing else ever does. */
  runLifecycle(): Promise<LifecycleReport>;
  /** Refuses further requests and waits for those under way. Close their connections first. */
  close(): Promise<void>;
}

/**
 * Opens the store and makes the service.
 *
 * Speaks path style and, below `localhost`, virtual-hosted style. A request must be signed, or be allowed to
 * everybody by its bucket's policy.
 *
 * @throws {TypeError} if an option is missing or empty, or an identity or its policies are malformed
 */
export async function createS3Service(options: S3ServiceOptions): Promise<S3Service> {
  nonEmptyString('dir', options.dir);
  nonEmptyString('region', options.region);
  const store = await Store.open({
    dir: options.dir,
    nowMs: () => options.clock.nowMs(),
    durability: options.durability ?? 'process',
  });
  const callerOf = createCallers(options.identities);
  const underWay = new Set<Promise<void>>();
  let closed = false;

  return {
    handle: async (req, res) => {
      const work = answer(req, res, { store, options, callerOf }, closed);
      underWay.add(work);
      try {
        await work;
      } finally {
        underWay.delete(work);
      }
    },
    createBucket: async (name, { versioning = false, policy } = {}) => {
      if (!isBucketName(name)) {
        throw new RangeError(`name: got ${JSON.stringify(name)}, expected 3 to 63 of a-z, 0-9, "." and "-"`);
      }
      if (!store.hasBucket(name)) await store.createBucket(name, versioning);
      if (policy !== undefined) await store.bucket(name).configure({ policy: policyText(name, policy) });
    },
    runLifecycle: async () => await runLifecycleRules(store, options.clock.nowMs()),
    close: async () => {
      closed = true;
      await Promise.allSettled(underWay);
    },
  };
}

/** @throws {TypeError} in S3's words */
function policyText(bucket: string, policy: object): string {
  const text = JSON.stringify(policy);
  try {
    checkBucketPolicy(text, bucket);
  } catch (error) {
    if (!(error instanceof S3Error)) throw error;
    throw new TypeError(`buckets.policy of ${bucket}: ${error.message}`, { cause: error });
  }
  return text;
}

/** What every request needs. */
interface ServiceParts {
  readonly store: Store;
  readonly options: S3ServiceOptions;
  readonly callerOf: (accessKeyId: string) => Caller;
}

async function answer(
  req: IncomingMessage,
  res: ServerResponse,
  parts: ServiceParts,
  closed: boolean,
): Promise<void> {
  const { options } = parts;
  const requestId = randomUUID().replaceAll('-', '').slice(-16).toUpperCase();
  const hostId = Buffer.from(`${randomUUID()}${requestId.slice(-12)}`).toString('base64');
  const resource = (req.url ?? '/').split('?', 1)[0] ?? '/';
  res.setHeader('x-amz-request-id', requestId);
  res.setHeader('x-amz-id-2', hostId);
  res.setHeader('server', 'AmazonS3');
  res.setHeader('date', new Date(options.clock.nowMs()).toUTCString());
  try {
    if (closed) throw new S3Error('SlowDown');
    await dispatch(req, res, parts, requestId);
  } catch (error) {
    try {
      sendError(req, res, { ...errorFacts(error), resource, requestId, hostId });
    } catch {
      res.destroy(); // not even the error could be written
    }
  }
  drainRequest(req);
  await responseDone(res);
}

async function dispatch(
  req: IncomingMessage,
  res: ServerResponse,
  { store, options, callerOf }: ServiceParts,
  requestId: string,
): Promise<void> {
  const { path, query, rawQuery } = parseTarget(req.url ?? '/');
  const method = req.method ?? 'GET';
  const address = parseAddress(req.headers.host, path);
  if (method === 'OPTIONS') {
    answerPreflight(req, res, store, address.bucket);
    return;
  }
  applyCors(req, res, store, address.bucket);
  const routed = { method, address, query, headers: req.headers };
  const route = findRoute(routed);
  const presigned = query.has('X-Amz-Signature');
  const faults = options.faults.take({
    service: 's3',
    operation: route.operation,
    method,
    ...address,
    presigned,
  });
  armResponse(res, faults);
  if (applyReplyFault(res, faults)) return;
  const auth =
    route.form === true
      ? undefined
      : authenticate({ method, path, rawQuery, headers: signedHeaders(req) }, options, faults);
  checkHeaders(routed);
  checkExpectedOwner(req.headers, OWNER_ACCOUNT_ID);
  const exchange = new Exchange({
    req,
    res,
    store,
    options,
    query,
    requestId,
    faults,
    operation: route.operation,
    callerOf,
    signer:
      auth === undefined ? { caller: ANONYMOUS } : { caller: callerOf(auth.accessKeyId), signature: auth },
    ...(address.bucket === undefined ? {} : { bucketName: address.bucket }),
    ...(address.key === undefined ? {} : { key: address.key }),
    ...(auth === undefined ? {} : { auth }),
  });
  await hideMissing(exchange, async () => {
    for (const access of accessesOf(exchange)) requireAccess(exchange, access);
    await route.action(exchange);
  });
}

/** Carries out the faults that answer instead of the action. @returns true if the answer was sent */
function applyReplyFault(res: ServerResponse, faults: readonly Fault[]): boolean {
  for (const fault of faults) {
    if (fault.kind === 'reply') {
      const body = Buffer.from(fault.body ?? '');
      res.writeHead(fault.status, { 'content-length': body.length, ...fault.headers });
      res.end(body);
      return true;
    }
    if (fault.kind === 'status') throw statusFault(fault);
  }
  return false;
}

function statusFault(fault: Extract<Fault, { kind: 'status' }>): S3Error {
  const code = fault.code ?? (fault.status === 503 ? 'SlowDown' : 'InternalError');
  return new S3Error({
    status: fault.status,
    code,
    message: fault.message ?? 'Injected by the fault switch',
  });
}

function parseTarget(url: string): { path: string; rawQuery: string; query: Map<string, string> } {
  const at = url.indexOf('?');
  const path = at === -1 ? url : url.slice(0, at);
  const rawQuery = at === -1 ? '' : url.slice(at + 1);
  if (!path.startsWith('/')) throw new S3Error('InvalidURI', { URI: path });
  try {
    return { path, rawQuery, query: new Map(parseRawQuery(rawQuery)) };
  } catch {
    throw new S3Error('InvalidURI', { URI: path });
  }
}

import AwsS3, { type AwsS3UploadParameters } from '@uppy/aws-s3';
import { pause, RETRY_DELAYS_MS } from '../session.ts';
import { explainStoreAnswer, originRefusal, StoreRefusal } from './store-refusal.ts';

type SendBytes = typeof AwsS3.uploadPartBytes;
/** Bytes to send to the store, as Uppy asks for it. */
export type SendOptions = Parameters<SendBytes>[0];

/** Attempts without a byte of progress, the store answering, after which it must be the origin that it refuses. */
const SILENT_REFUSALS = 3;

/** Sends bytes to the store and explains its refusals. */
export interface StoreTransport {
  readonly send: SendBytes;
  /** A signature for one part: Uppy repeats a part itself, with a fresh signature each time. */
  part(signature: AwsS3UploadParameters): AwsS3UploadParameters;
  /** In place of a signature that was refused for good: sending by it fails at once with this error. */
  refused(error: Error): AwsS3UploadParameters;
}

/** @param store its origin */
export function createStoreTransport(store: string): StoreTransport {
  const parts = new WeakSet<AwsS3UploadParameters>();
  const refusals = new WeakMap<AwsS3UploadParameters, Error>();
  let [tookSomething, silentRefusals] = [false, 0];

  const once = async (options: SendOptions): Promise<Awaited<ReturnType<SendBytes>>> => {
    try {
      return await AwsS3.uploadPartBytes({
        ...options,
        signature: withoutLength(options.signature),
        onProgress: (event: ProgressEvent) => {
          if (event.loaded > 0) tookSomething = true;
          options.onProgress(event);
        },
      });
    } catch (error) {
      const answer = answerOf(error);
      if (answer?.status === 0 && !tookSomething && (await isReachable(store))) {
        silentRefusals += 1;
        if (silentRefusals >= SILENT_REFUSALS) throw originRefusal(store);
      }
      throw error;
    }
  };

  /** One request for the whole file. Nobody but us would repeat it. */
  const whole = async (options: SendOptions): Promise<Awaited<ReturnType<SendBytes>>> => {
    for (let attempt = 0; ; attempt += 1) {
      try {
        return await once(options);
      } catch (error) {
        const answer = answerOf(error);
        if (answer === undefined) throw error;
        const { status, body } = answer;
        // Written once only: it is there already, by an attempt whose answer was lost.
        if (status === 412) return { ETag: '' };
        const delayMs = RETRY_DELAYS_MS[attempt];
        if ((status !== 0 && status < 500) || delayMs === undefined) throw explained(status, body);
        await pause(delayMs, options.signal);
      }
    }
  };

  return {
    part(signature) {
      parts.add(signature);
      return signature;
    },
    refused(error) {
      const signature = { method: 'PUT' as const, url: 'about:blank', headers: {} };
      parts.add(signature);
      refusals.set(signature, error);
      return signature;
    },
    async send(options) {
      const refusal = refusals.get(options.signature);
      if (refusal !== undefined) throw refusal;
      if (!parts.has(options.signature)) return await whole(options);
      try {
        return await once(options);
      } catch (error) {
        const answer = answerOf(error);
        // Uppy knows an expired signature by this very message, and gets a fresh one.
        if (answer === undefined || answer.status === 0 || isExpired(error)) throw error;
        throw Object.assign(explained(answer.status, answer.body), { source: { status: answer.status } });
      }
    },
  };
}

/** Browsers say the length themselves, and let no script say it. */
function withoutLength(signature: AwsS3UploadParameters): AwsS3UploadParameters {
  const headers = Object.entries(signature.headers ?? {}).filter(
    ([name]) => name.toLowerCase() !== 'content-length',
  );
  return { ...signature, headers: Object.fromEntries(headers) };
}

function explained(status: number, body: string): StoreRefusal {
  if (status === 0) return new StoreRefusal('The store cannot be reached. Retry when the network is back.');
  return explainStoreAnswer(status, body);
}

function isExpired(error: unknown): boolean {
  return error instanceof Error && error.message === 'Request has expired';
}

/** The answer behind an error of Uppy's; undefined for one that is none, such as an abort. */
function answerOf(error: unknown): { readonly status: number; readonly body: string } | undefined {
  const { source } = (error ?? {}) as { source?: { status: number; responseText?: string } };
  if (source === undefined) return undefined;
  const body = isExpired(error) ? '<Message>Request has expired</Message>' : (source.responseText ?? '');
  return { status: source.status, body };
}

async function isReachable(origin: string): Promise<boolean> {
  try {
    await fetch(origin, { mode: 'no-cors', cache: 'no-store' });
    return true;
  } catch {
    return false;
  }
}

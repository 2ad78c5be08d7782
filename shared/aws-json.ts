import { Pool, type Dispatcher } from 'undici';
import type { Clock } from './clock.ts';
import { sha256Hex } from './sigv4-encoding.ts';
import { createSigV4Signer, type SigningIdentity } from './sigv4-signer.ts';

/** An AWS service of the JSON protocol refused. Its fields are named as the SDK's errors name theirs. */
export class AwsJsonError extends Error {
  /** The service's code: `QueueDoesNotExist`, `RequestThrottled`; without one `HTTP 502`. */
  override readonly name: string;
  readonly $metadata: { readonly httpStatusCode: number; readonly requestId: string | undefined };

  constructor(status: number, code: string, message: string, requestId: string | undefined) {
    super(message);
    this.name = code;
    this.$metadata = { httpStatusCode: status, requestId };
  }
}

export interface AwsJsonOptions {
  /** As in the credential scope: `sqs`. */
  readonly service: string;
  /** Before the action in `x-amz-target`: `AmazonSQS`. */
  readonly targetPrefix: string;
  /** Version of the protocol that the service speaks. @default '1.0' */
  readonly version?: '1.0' | '1.1';
  readonly region: string;
  /** Where requests go, the path included. */
  readonly endpoint: URL;
  /** Asked before every request, so it caches by itself, as the SDK's do. */
  readonly credentials: () => Promise<SigningIdentity>;
  readonly clock: Pick<Clock, 'nowMs'>;
}

/** Calls one service. */
export interface AwsJsonCaller {
  /**
   * Sends one request, once.
   * @param input the action's input; it becomes the body
   * @param limits.timeoutMs longest silence of the server, in milliseconds
   * @returns the action's output
   * @throws {AwsJsonError} when the service refuses
   * @throws the signal's reason, or what broke the connection
   */
  call(
    action: string,
    input: object,
    limits: { readonly signal: AbortSignal; readonly timeoutMs: number },
  ): Promise<Record<string, unknown>>;
  close(): Promise<void>;
}

/** Idle connections are kept so long, in milliseconds: longer than most handlers take, shorter than AWS keeps them. */
const KEEP_ALIVE_MS = 15_000;
const CONNECT_TIMEOUT_MS = 10_000;
/** From here on a difference of the clocks is corrected, in milliseconds; the SDK's own limit. */
const SKEW_MS = 300_000;
/** Largest answer that is read, in bytes: ten SQS messages of 1 MiB each, every character escaped. */
const MAX_ANSWER_BYTES = 64 * 1024 ** 2;

/**
 * A lean client of AWS's JSON protocol: connections are kept, the signing key is cached, and nothing else happens
 * on the way. The SDK spends several times as much processor time on the same call.
 *
 * @see https://smithy.io/2.0/aws/protocols/aws-json-1_0-protocol.html
 */
export function createAwsJsonCaller(options: AwsJsonOptions): AwsJsonCaller {
  const { service, targetPrefix, region, endpoint, credentials, clock, version = '1.0' } = options;
  const signer = createSigV4Signer(service, region);
  const pool = new Pool(endpoint.origin, {
    connect: { timeout: CONNECT_TIMEOUT_MS },
    keepAliveTimeout: KEEP_ALIVE_MS,
    pipelining: 1,
    allowH2: false,
  });
  const { pathname: path, host } = endpoint;
  let offsetMs = 0;

  return {
    async call(action, input, { signal, timeoutMs }) {
      const identity = await credentials();
      signal.throwIfAborted();
      const body = JSON.stringify(input);
      const headers = signer.sign(
        {
          method: 'POST',
          path,
          headers: {
            host,
            'content-type': `application/x-amz-json-${version}`,
            'x-amz-target': `${targetPrefix}.${action}`,
            'x-amzn-query-mode': 'true',
          },
          payloadHash: sha256Hex(body),
        },
        identity,
        clock.nowMs() + offsetMs,
      );
      const reply = await exchange(
        pool,
        { path, method: 'POST', headers, body, headersTimeout: timeoutMs, bodyTimeout: timeoutMs },
        signal,
      );
      if (reply.status === 200) return parseObject(reply.text());
      const serverMs = Date.parse(reply.header('date') ?? '');
      if (Math.abs(serverMs - clock.nowMs() - offsetMs) > SKEW_MS) offsetMs = serverMs - clock.nowMs();
      throw toError(reply);
    },
    close: async () => await pool.destroy(),
  };
}

interface Reply {
  readonly status: number;
  header(name: string): string | undefined;
  text(): string;
}

/** One exchange as a dispatch handler: undici's own request makes a stream of every body, which costs most of it. */
async function exchange(
  pool: Pool,
  request: Dispatcher.DispatchOptions & { headers: Record<string, string> },
  signal: AbortSignal,
): Promise<Reply> {
  return await new Promise((resolve, reject) => {
    let controller: Dispatcher.DispatchController | undefined;
    let status = 0;
    let headers: Readonly<Record<string, string | string[] | undefined>> = {};
    const chunks: Buffer[] = [];
    let bytes = 0;
    const onAbort = (): void => {
      controller?.abort(new Error('aborted'));
      end();
      // oxlint-disable-next-line typescript/prefer-promise-reject-errors -- a signal's reason is passed on as it is
      reject(signal.reason);
    };
    const end = (): void => signal.removeEventListener('abort', onAbort);
    signal.addEventListener('abort', onAbort, { once: true });
    pool.dispatch(request, {
      onRequestStart(given) {
        controller = given;
        if (signal.aborted) given.abort(new Error('aborted'));
      },
      onResponseStart(_controller, code, given) {
        status = code;
        headers = given;
      },
      onResponseData(given, chunk) {
        bytes += chunk.length;
        if (bytes > MAX_ANSWER_BYTES)
          given.abort(new Error(`an answer of more than ${MAX_ANSWER_BYTES} bytes`));
        else chunks.push(chunk);
      },
      onResponseEnd() {
        end();
        const [only = Buffer.alloc(0)] = chunks;
        resolve({
          status,
          header: (name) => [headers[name]].flat()[0],
          text: () => (chunks.length === 1 ? only : Buffer.concat(chunks)).toString('utf8'),
        });
      },
      onResponseError(_controller, error) {
        end();
        reject(error);
      },
    });
  });
}

function parseObject(text: string): Record<string, unknown> {
  if (text === '') return {};
  const value: unknown = JSON.parse(text);
  return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : {};
}

/** A refusal as the SDK would name it: the shape's own name, without its namespace. */
function toError(reply: Reply): AwsJsonError {
  let said: Record<string, unknown> = {};
  try {
    said = parseObject(reply.text());
  } catch {
    // a proxy's page: the status says what there is to know
  }
  const type = said['__type'] ?? said['code'];
  const code =
    typeof type === 'string' ? type.replace(/^.*#/, '').replace(/:.*$/, '') : `HTTP ${reply.status}`;
  const message = said['message'] ?? said['Message'];
  return new AwsJsonError(
    reply.status,
    code,
    typeof message === 'string' ? message : `answered with status ${reply.status}`,
    reply.header('x-amzn-requestid'),
  );
}

/** What the server told this page when it opened. */
export interface Session {
  /** Where the bytes go: the store's origin. */
  readonly store: string;
  /** Whose files are kept over a reload: nobody else shall find them. @default - whoever sits here */
  readonly owner?: string;
}

/** A refusal in words for a person; `type` is the problem's URN. */
export class Problem extends Error {
  override readonly name = 'Problem';
  readonly status: number;
  readonly type: string;

  constructor(status: number, type: string, detail: string) {
    super(detail);
    this.status = status;
    this.type = type;
  }

  /** The same request may succeed later. */
  get isPassing(): boolean {
    return this.status === 0 || this.status === 429 || this.status >= 500;
  }
}

/** Waits between attempts, in milliseconds: about two minutes in all. */
export const RETRY_DELAYS_MS = [250, 500, 1000, 2000, 4000, 8000, 15_000, 15_000, 15_000, 30_000, 30_000];

/** Who calls, for the upload service: a bearer token, and how to come by another. */
export interface Bearer {
  /** The token now; empty for none. */
  token(): string;
  /**
   * Gets another in place of one that was refused. May wait for the person.
   * @throws {Problem} if there is none to be had
   */
  renew(refused: string, signal?: AbortSignal): Promise<void>;
}

let bearer: Bearer = { token: () => '', renew: () => Promise.resolve() };

/** From now on calls are made in this name. */
export function callAs(caller: Bearer): void {
  bearer = caller;
}

/**
 * Asks the server; repeats what failed on the way or for a while only, and renews a token that has expired.
 * @throws {Problem} a refusal; status 0 when nobody answers
 */
export async function call<T>(
  method: 'GET' | 'POST' | 'DELETE',
  path: string,
  options: { readonly body?: object; readonly signal?: AbortSignal | undefined } = {},
): Promise<T> {
  let refused: string | undefined;
  let renewed = false;
  for (let attempt = 0; ; attempt += 1) {
    options.signal?.throwIfAborted();
    const token = bearer.token();
    try {
      if (refused !== undefined && !renewed) {
        await bearer.renew(refused, options.signal);
        renewed = true;
        continue;
      }
      return (await send(method, path, { ...options, token })) as T;
    } catch (error) {
      if (!(error instanceof Problem)) throw error;
      const delayMs = RETRY_DELAYS_MS[attempt];
      if (error.status === 401 && refused === undefined) refused = token;
      else if (!error.isPassing || delayMs === undefined || error.type.endsWith(':quota')) throw error;
      else await pause(delayMs, options.signal);
    }
  }
}

/**
 * One request to the server.
 * @throws {Problem} a refusal; status 0 when nobody answers
 */
export async function send(
  method: string,
  path: string,
  options: {
    readonly token?: string;
    readonly body?: object;
    readonly signal?: AbortSignal | undefined;
  } = {},
): Promise<unknown> {
  const { token = '', body, signal } = options;
  let response: Response;
  try {
    response = await fetch(path, {
      method,
      headers: {
        ...(token === '' ? {} : { authorization: `Bearer ${token}` }),
        ...(body === undefined ? {} : { 'content-type': 'application/json' }),
      },
      body: body === undefined ? null : JSON.stringify(body),
      signal: signal ?? null,
    });
  } catch (error) {
    signal?.throwIfAborted();
    throw Object.assign(new Problem(0, '', 'The server does not answer.'), { cause: error });
  }
  const text = await response.text().catch(() => '');
  const answer = parse(text);
  if (response.ok) return answer;
  const { type = '', detail } = (answer ?? {}) as { type?: string; detail?: string };
  throw new Problem(response.status, type, detail ?? `The server answered ${response.status}.`);
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** Waits. @throws the signal's reason when it aborts */
export async function pause(ms: number, signal?: AbortSignal): Promise<void> {
  await new Promise<void>((resolve, reject) => {
    const onAbort = (): void => {
      clearTimeout(timer);
      reject(signal?.reason as Error);
    };
    const timer = setTimeout(() => {
      signal?.removeEventListener('abort', onAbort);
      resolve();
    }, ms);
    signal?.addEventListener('abort', onAbort, { once: true });
  });
}

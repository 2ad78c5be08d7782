/** What the server told this page when it opened. */
export interface Session {
  /** Where the bytes go: the store's origin. */
  readonly store: string;
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

let token = '';

/** Opens the session: the token stays in this page's memory, the cookie is for the live stream only. */
export async function openSession(): Promise<Session> {
  const answer = (await send('POST', 'session')) as { token: string; store: string };
  token = answer.token;
  return { store: new URL(answer.store).origin };
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
  let renewed = false;
  for (let attempt = 0; ; attempt += 1) {
    options.signal?.throwIfAborted();
    try {
      return (await send(method, path, options)) as T;
    } catch (error) {
      if (!(error instanceof Problem)) throw error;
      const delayMs = RETRY_DELAYS_MS[attempt];
      if (error.status === 401 && !renewed) {
        renewed = true;
        await openSession();
      } else if (!error.isPassing || delayMs === undefined || error.type.endsWith(':quota')) throw error;
      else await pause(delayMs, options.signal);
    }
  }
}

async function send(
  method: string,
  path: string,
  { body, signal }: { readonly body?: object; readonly signal?: AbortSignal | undefined } = {},
): Promise<unknown> {
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

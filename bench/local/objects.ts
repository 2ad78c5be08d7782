import { randomBytes } from 'node:crypto';
import { GetObjectCommand, PutObjectCommand, S3Client } from '@aws-sdk/client-s3';
import { getSignedUrl } from '@aws-sdk/s3-request-presigner';
import { Pool } from 'undici';
import { BUCKET } from './target.ts';
import type { Target } from './target.ts';

/** Operations in a second. */
export interface ObjectRates {
  readonly puts: number;
  readonly gets: number;
  /** A PUT and then the GET of the same key, counted as one. */
  readonly pairs: number;
}

const WORKERS = 16;

/**
 * Rates of small objects. Every request is signed before the clock starts, so that the client, which shares
 * the machine, costs as little as it can; the server verifies each signature all the same.
 */
export async function measureObjects(
  target: Target,
  { sizeBytes, count }: { readonly sizeBytes: number; readonly count: number },
): Promise<ObjectRates> {
  const { endpoint, region, credentials } = target;
  const client = new S3Client({ endpoint, region, credentials, forcePathStyle: true });
  const body = randomBytes(sizeBytes);
  const sign = async (round: string): Promise<{ put: string; get: string }[]> =>
    await Promise.all(
      Array.from({ length: count }, async (_, index) => {
        const at = { Bucket: BUCKET, Key: `${round}/${index}` };
        return {
          put: pathOf(await getSignedUrl(client, new PutObjectCommand(at), { expiresIn: 3600 })),
          get: pathOf(await getSignedUrl(client, new GetObjectCommand(at), { expiresIn: 3600 })),
        };
      }),
    );
  const pool = new Pool(endpoint, { connections: WORKERS });
  const put = async (path: string): Promise<void> => await request(pool, { path, method: 'PUT', body }, 0);
  const get = async (path: string): Promise<void> => await request(pool, { path, method: 'GET' }, sizeBytes);
  const one = await sign('one');
  const both = await sign('both');
  const puts = await rate(one, async (urls) => await put(urls.put));
  const gets = await rate(one, async (urls) => await get(urls.get));
  const pairs = await rate(both, async (urls) => {
    await put(urls.put);
    await get(urls.get);
  });
  await pool.close();
  client.destroy();
  return { puts, gets, pairs };
}

function pathOf(url: string): string {
  const { pathname, search } = new URL(url);
  return pathname + search;
}

async function request(
  pool: Pool,
  options: { readonly path: string; readonly method: 'PUT' | 'GET'; readonly body?: Buffer },
  expectedBytes: number,
): Promise<void> {
  const { statusCode, body } = await pool.request({ ...options, body: options.body ?? null });
  let bytes = 0;
  for await (const chunk of body as AsyncIterable<Buffer>) bytes += chunk.length;
  if (statusCode !== 200 || (options.method === 'GET' && bytes !== expectedBytes))
    throw new Error(`${options.method}: got status ${statusCode} and ${bytes} bytes`);
}

async function rate<T>(items: readonly T[], work: (item: T) => Promise<void>): Promise<number> {
  const startedMs = performance.now();
  const queue = items.values();
  await Promise.all(
    Array.from({ length: WORKERS }, async () => {
      for (const item of queue) await work(item);
    }),
  );
  return (items.length * 1000) / (performance.now() - startedMs);
}

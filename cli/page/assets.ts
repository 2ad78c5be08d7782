import { existsSync } from 'node:fs';
import { readdir, readFile, rename, rm, stat } from 'node:fs/promises';
import { dirname, extname, join } from 'node:path';
import type { ServerResponse } from 'node:http';
import { ISOLATION_HEADERS, PAGE_CACHE, pageContentPolicy } from '../../shared/page-policy.ts';
import { packageFile } from '../package-file.ts';

/** A file of the page, in memory: they are few and small, and no path of a request ever reaches the disk. */
export interface Asset {
  readonly body: Buffer;
  readonly contentType: string;
  /** True if its name holds a hash of its content. */
  readonly immutable: boolean;
}

const CONTENT_TYPES: Readonly<Record<string, string>> = {
  '.css': 'text/css; charset=utf-8',
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.svg': 'image/svg+xml',
};

/** Reads the built page; in a clone where it is not built, or older than its sources, builds it, without any network. */
export async function loadAssets(): Promise<ReadonlyMap<string, Asset>> {
  const config = packageFile('web/vite.config.ts');
  const dir = existsSync(config) ? await builtInClone(config) : packageFile('dist/web');
  const assets = new Map<string, Asset>();
  for (const entry of await readdir(dir, { withFileTypes: true, recursive: true })) {
    if (!entry.isFile()) continue;
    const path = join(entry.parentPath, entry.name);
    const contentType = CONTENT_TYPES[extname(entry.name)];
    if (contentType === undefined) continue;
    const url = path.slice(dir.length).replaceAll('\\', '/');
    assets.set(url === '/index.html' ? '/' : url, {
      body: await readFile(path),
      contentType,
      immutable: url.startsWith('/assets/'),
    });
  }
  return assets;
}

/** Built aside and moved into place: two that start at once do not see each other's half-built page. */
async function builtInClone(configFile: string): Promise<string> {
  const sources = dirname(configFile);
  const dir = join(sources, '../dist/web');
  const built = join(dir, 'index.html');
  if (existsSync(built) && (await newestMs(sources)) <= (await stat(built)).mtimeMs) return dir;
  const outDir = `${dir}-${process.pid}`;
  const { build } = await import('vite');
  await build({ configFile, logLevel: 'error', build: { outDir } });
  await rm(dir, { recursive: true, force: true });
  await rename(outDir, dir).catch(async (error: unknown) => {
    await rm(outDir, { recursive: true, force: true });
    if (!existsSync(built)) throw error;
  });
  return dir;
}

/** When the newest file below `dir` was changed, in epoch milliseconds. */
async function newestMs(dir: string): Promise<number> {
  const entries = await readdir(dir, { withFileTypes: true, recursive: true });
  const times = entries.map(async (entry) => (await stat(join(entry.parentPath, entry.name))).mtimeMs);
  return Math.max(...(await Promise.all(times)));
}

/** Headers of every file of the page. @param storeOrigin where the bytes go */
export function pageHeaders(storeOrigin: string): Readonly<Record<string, string>> {
  return {
    'content-security-policy': pageContentPolicy([storeOrigin]),
    'x-content-type-options': 'nosniff',
    'referrer-policy': 'no-referrer',
    ...ISOLATION_HEADERS,
  };
}

/** Sends a file of the page. */
export function sendAsset(
  response: ServerResponse,
  asset: Asset,
  headers: Readonly<Record<string, string>>,
): void {
  response.writeHead(200, {
    ...headers,
    'content-type': asset.contentType,
    'content-length': asset.body.byteLength,
    'cache-control': asset.immutable ? PAGE_CACHE.hashed : PAGE_CACHE.named,
  });
  response.end(response.req.method === 'HEAD' ? undefined : asset.body);
}

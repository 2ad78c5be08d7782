import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { Worker } from 'node:worker_threads';
import type { ThreadData } from './messages.ts';

/** The options of Node that a thread has of its own, and that say how to connect. */
const INHERITED = /^--(no-)?(dns-result-order|network-family-autoselection|tls-m)/;

/** From sources, which nothing but Waybill's own development does, the thread needs what runs them. */
const FROM_SOURCE = `
const { workerData } = require('node:worker_threads');
import(workerData.loader).then(({ register }) => (register(), import(workerData.program)));
`;

/**
 * Starts a thread that receives (receiver.ts).
 * @returns undefined where there is no program to run, as in a bundle of the user's own
 * @throws where the system or its permissions allow no thread
 */
export function startReceiver(data: ThreadData): Worker | undefined {
  const found = findProgram();
  if (found === undefined) return undefined;
  const execArgv = process.execArgv.filter((argument) => INHERITED.test(argument));
  const options = { execArgv, name: 'waybill-receiver' };
  if (found.endsWith('.cjs')) return new Worker(new URL(found), { ...options, workerData: data });
  const loader = createRequire(found).resolve('tsx/esm/api').replace(/cjs$/, 'mjs');
  const workerData = { ...data, program: found, loader: pathToFileURL(loader).href };
  return new Worker(FROM_SOURCE, { ...options, eval: true, workerData });
}

/** The program lies beside this file in the sources. In the build, this code may be in an entry or in a chunk. */
function findProgram(): string | undefined {
  const here = import.meta.url as string | undefined; // a bundle may have none
  if (here === undefined) return undefined;
  if (here.endsWith('.ts')) return new URL('receiver.ts', here).href;
  return ['../', '../../', '../../../']
    .map((up) => new URL(`${up}consumers/download/threads/receiver.cjs`, here))
    .find((url) => existsSync(fileURLToPath(url)))?.href;
}

import { fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';

const CHILD = fileURLToPath(new URL('child.mjs', import.meta.url));
const MODULE = new URL('../../../dist/producers/index.js', import.meta.url).href;

/** What a publisher's process is to do. */
export interface Plan {
  /** Options of `createPublisher`, as far as JSON can hold them. */
  readonly options: object;
  readonly signingKey: object;
  /** Files under way at once. */
  readonly lanes: number;
  readonly files: readonly { readonly id: string; readonly path: string }[];
}

/** What it says of a file that it is through with. */
export interface Published {
  readonly id: string;
  readonly alreadyPublished: boolean;
  readonly resumedParts: number;
}

/** A publisher in a process of its own. */
export interface PublisherProcess {
  readonly published: readonly Published[];
  /** Resolves when it begins to publish; rejects if it ends before. */
  readonly ready: Promise<void>;
  /** Resolves when the process has ended: with its code, or its signal. */
  readonly ended: Promise<number | NodeJS.Signals>;
  /** SIGKILL. */
  kill(): void;
}

export function startPublisher(plan: Plan): PublisherProcess {
  const child = fork(CHILD, [MODULE, JSON.stringify(plan)], {
    stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
  });
  const published: Published[] = [];
  const ready = new Promise<void>((resolve, reject) => {
    child.on('message', (message: { ready: true } | Published) => {
      if ('ready' in message) resolve();
      else published.push(message);
    });
    child.on('close', (code) => reject(new Error(`ended with ${code} before it was ready`)));
  });
  // `close` comes when what it said before has been read.
  const ended = once(child, 'close').then(([code, signal]) => (code ?? signal) as number | NodeJS.Signals);
  return { published, ready, ended, kill: () => void child.kill('SIGKILL') };
}

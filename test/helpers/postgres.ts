import { execFile, spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readdirSync } from 'node:fs';
import { chown, mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { promisify } from 'node:util';

const run = promisify(execFile);

function kill(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error; // it ended with its server
  }
}

/** The newest PostgreSQL that Debian has installed, such as `15`. */
const newest = existsSync('/usr/lib/postgresql')
  ? readdirSync('/usr/lib/postgresql')
      .sort((a, b) => Number(a) - Number(b))
      .at(-1)
  : undefined;

/** True where tests on PostgreSQL can run; CI has it or fails. */
export const hasPostgres = newest !== undefined || process.env['CI'] !== undefined;

/** A PostgreSQL server of its own, on a socket in a directory of its own. */
export interface Postgres extends AsyncDisposable {
  /** What `new pg.Pool()` takes. */
  readonly connection: { readonly host: string; readonly user: string; readonly database: string };
  /** Kills the server and all its processes, and starts it again on the same data. */
  crash(): Promise<void>;
}

/**
 * Starts PostgreSQL. It refuses to run as root, so root runs it as its own user.
 * @throws {Error} when there is none
 */
export async function startPostgres(): Promise<Postgres> {
  if (newest === undefined)
    throw new Error('no PostgreSQL in /usr/lib/postgresql: apt-get install postgresql');
  const bin = (name: string): string => join('/usr/lib/postgresql', newest, 'bin', name);
  const isRoot = process.getuid?.() === 0;
  const as = (command: string, args: readonly string[]): [string, string[]] =>
    isRoot
      ? ['setpriv', ['--reuid=postgres', '--regid=postgres', '--clear-groups', command, ...args]]
      : [command, [...args]];

  const directory = await mkdtemp(join(tmpdir(), 'waybill-pg-'));
  if (isRoot) {
    const { stdout } = await run('id', ['-u', 'postgres']);
    await chown(directory, Number(stdout), -1);
  }
  const data = join(directory, 'data');
  await run(
    ...as(bin('initdb'), [
      '--pgdata',
      data,
      '--username',
      'waybill',
      '--auth',
      'trust',
      '--no-locale',
      '-E',
      'UTF8',
    ]),
  );

  const settings = [`unix_socket_directories=${directory}`, 'listen_addresses=', 'logging_collector=off'];
  const launch = async (): Promise<{ server: ChildProcess; log: string; isReady: boolean }> => {
    const server = spawn(...as(bin('postgres'), ['-D', data, ...settings.flatMap((each) => ['-c', each])]), {
      stdio: ['ignore', 'ignore', 'pipe'],
    });
    let log = '';
    for await (const chunk of server.stderr.iterator({ destroyOnReturn: false })) {
      log += String(chunk);
      if (log.includes('ready to accept connections')) break;
    }
    server.stderr.resume();
    return { server, log, isReady: log.includes('ready to accept connections') };
  };
  const start = async (): Promise<ChildProcess> => {
    for (let attempt = 1; ; attempt += 1) {
      const { server, log, isReady } = await launch();
      if (isReady) return server;
      // The processes of a killed server are not gone at once, and only PostgreSQL itself knows when they are.
      if (!log.includes('is still in use') || attempt === 50)
        throw new Error(`PostgreSQL did not start: ${log}`);
      await setTimeout(100);
    }
  };

  let server = await start();
  const end = async (signal: NodeJS.Signals): Promise<void> => {
    if (server.exitCode !== null || server.signalCode !== null) return;
    const exited = once(server, 'exit');
    server.kill(signal);
    await exited;
  };
  return {
    connection: { host: directory, user: 'waybill', database: 'postgres' },
    async crash() {
      const [pid] = (await readFile(join(data, 'postmaster.pid'), 'utf8')).split('\n');
      if (Number(pid) !== server.pid) throw new Error(`expected the server to be ${server.pid}, got ${pid}`);
      const children = await readFile(`/proc/${pid}/task/${pid}/children`, 'utf8');
      await end('SIGKILL');
      for (const child of children.split(' ').filter(Boolean)) kill(Number(child));
      server = await start();
    },
    async [Symbol.asyncDispose]() {
      await end('SIGINT');
      await rm(directory, { recursive: true, force: true });
    },
  };
}

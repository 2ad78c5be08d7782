import { readFile } from 'node:fs/promises';
import { arch, cpus, release, totalmem, type } from 'node:os';
import { run } from './measure.ts';
import { programs } from './programs.ts';

/** What the numbers were measured on and with. */
export interface Machine {
  readonly cpu: string;
  readonly cores: number;
  readonly memoryGib: number;
  readonly system: string;
  readonly node: string;
  /** First line of each peer's `--version`. */
  readonly versions: Readonly<Record<string, string>>;
}

/** How those that know no `--version` are asked. */
const VERSION_FLAGS: Readonly<Record<string, string>> = { nginx: '-v', openssl: 'version' };

export async function describeMachine(): Promise<Machine> {
  const versions: Record<string, string> = {};
  for (const [name, program] of Object.entries(programs()))
    versions[name] = await versionOf(program, VERSION_FLAGS[name] ?? '--version');
  for (const name of ['@aws-sdk/lib-storage', 'undici']) {
    const manifest = new URL(`../node_modules/${name}/package.json`, import.meta.url);
    versions[name] = (JSON.parse(await readFile(manifest, 'utf8')) as { version: string }).version;
  }
  const processors = cpus();
  return {
    cpu: processors[0]?.model ?? arch(),
    cores: processors.length,
    memoryGib: Math.round(totalmem() / 1024 ** 3),
    system: `${type()} ${release()}`,
    node: process.version,
    versions,
  };
}

async function versionOf(program: string, flag: string): Promise<string> {
  const script = '"$0" "$1" 2>&1';
  const said = await run({ program: 'sh', args: ['-c', script, program, flag] });
  return /\d+\.\d+(\.\d+)?\S*/.exec(said)?.[0] ?? 'unknown';
}

import { parseDigest } from '../../shared/digest.ts';
import { measure, run, type Command, type Sample } from '../harness/measure.ts';
import { programs } from '../harness/programs.ts';
import { runRace, type Contestant } from '../harness/race.ts';
import { startNginx } from '../servers/nginx.ts';
import { chosen, runner, runnerWithJob, sizeText, type Suite, type SuiteContext } from './suite.ts';
import { serve, type Served } from './to-file.ts';
import { attachmentOf, storesOf } from './waybill-job.ts';

const NAME = 'Waybill, fast transport';
/** What `auto` takes for https (decision 0011). */
const UNDICI = 'Waybill, undici transport';

/** Encrypted, and the bytes dropped: what decryption and the engine itself cost. */
export const tlsSuite: Suite = {
  name: 'tls',
  summary: 'one payload over TLS, bytes dropped, inside the process',
  needs: ({ sizes: [size = 0] }) => ({ sources: size, outputs: 0 }),
  async run(context) {
    await using nginx = await startNginx(context.workspace.sources);
    const served = await serve(context, nginx.tls, context.sizes[0] ?? 1024 ** 3);
    const trust = { NODE_EXTRA_CA_CERTS: nginx.authority };
    const result = await runRace(
      {
        id: 'tls',
        title: `TLS, ${sizeText(served.payload.size)} dropped`,
        basis: 'inside',
        reference: 'curl',
        bytes: served.payload.size,
        contestants: chosen(
          context,
          ['curl', 'undici', UNDICI],
          [
            curl(served, nginx.authority),
            waybill(context, NAME, served, trust, { transport: 'fast', ...context.engine }),
            waybill(context, UNDICI, served, trust, { transport: 'undici' }),
            node('undici', 'undici-download', served, trust),
            node('Node fetch', 'fetch-download', served, trust),
          ],
        ),
        goals: [
          { contestant: NAME, metric: 'speed', peer: 'curl', floor: 0.85, aim: 1 },
          { contestant: NAME, metric: 'speed', peer: 'undici', floor: 1.2, aim: 1.5 },
          { contestant: NAME, metric: 'speed', peer: UNDICI, floor: 1.2, aim: 1.5 },
          { contestant: NAME, metric: 'peak-rss', floor: 110e6, aim: 80e6 },
        ],
      },
      context.rounds,
      context.log,
    );
    return [result];
  },
};

/** Counts the bytes of every run; the first one hashes them. */
function toNull(
  name: string,
  checks: string,
  { payload }: Pick<Served, 'payload'>,
  command: (verify: boolean) => Command | Promise<Command>,
): Contestant {
  const count = ({ said }: Sample): void => {
    if (Number(said['bytes']) !== payload.size)
      throw new Error(`${name}: ${String(said['bytes'])} bytes, expected ${payload.size}`);
  };
  return {
    name,
    checks,
    command: () => command(false),
    verify: (sample) => Promise.resolve(count(sample)),
    async rehearse() {
      const sample = await measure(await command(true));
      count(sample);
      checkDigest(name, String(sample.said['sha256']), payload.digest);
    },
  };
}

function checkDigest(name: string, base64: string, expected: string): void {
  if (base64 !== parseDigest(expected).toString('base64')) throw new Error(`${name}: other bytes`);
}

function curl({ url, payload }: Served, authority: string): Contestant {
  const args = ['-sSf', '--cacert', authority];
  const format = '{"insideSeconds":%{time_total},"bytes":%{size_download}}\\n';
  const name = 'curl';
  return {
    ...toNull(name, 'nothing', { payload }, () => ({
      program: programs().curl,
      args: [...args, '-o', '/dev/null', '-w', format, url],
    })),
    async rehearse() {
      const script = 'curl=$0; "$curl" "$@" | openssl dgst -sha256 -binary | base64';
      const said = await run({ program: 'sh', args: ['-c', script, programs().curl, ...args, url] });
      checkDigest(name, said.trim(), payload.digest);
    },
  };
}

function waybill(
  context: SuiteContext,
  name: string,
  served: Served,
  env: Readonly<Record<string, string>>,
  engine: SuiteContext['engine'],
): Contestant {
  return toNull(name, 'CRC32C', served, async (verify) => {
    const job = {
      attachment: attachmentOf(served.payload, served.origin, served.name),
      stores: storesOf(served.origin),
      verify,
      options: { verify: { sha256: false, crc32c: true }, ...engine },
    };
    return await runnerWithJob(context, 'waybill-download', job, env);
  });
}

function node(
  name: string,
  program: string,
  served: Served,
  env: Readonly<Record<string, string>>,
): Contestant {
  return toNull(name, 'nothing', served, (verify) => runner(program, [served.url, verify ? '--' : '-'], env));
}

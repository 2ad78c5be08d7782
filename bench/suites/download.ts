import { rm } from 'node:fs/promises';
import { programs } from '../harness/programs.ts';
import { runRace, type Contestant, type RaceResult } from '../harness/race.ts';
import { startNginx } from '../servers/nginx.ts';
import { chosen, BUCKET, sizeText, type Suite, type SuiteContext } from './suite.ts';
import {
  aria2ToFile,
  curlToFile,
  fileRace,
  nodeToFile,
  serve,
  toFile,
  waybillToFile,
  type Served,
} from './to-file.ts';

const CRC = 'Waybill, CRC32C';
const SHA = 'Waybill, SHA-256';
const PIPED = 'curl | sha256sum';

/** One large payload from nginx into a file. */
export const downloadSuite: Suite = {
  name: 'download',
  summary: 'one payload from nginx into a file',
  needs: ({ sizes }) => ({ sources: Math.max(...sizes), outputs: Math.max(...sizes) }),
  async run(context) {
    await using nginx = await startNginx(context.workspace.sources);
    const results: RaceResult[] = [];
    for (const size of context.sizes) {
      const served = await serve(context, nginx.plain, size);
      results.push(await race(context, served));
      await rm(served.payload.path);
    }
    return results;
  },
};

async function race(context: SuiteContext, served: Served): Promise<RaceResult> {
  const text = sizeText(served.payload.size);
  return await runRace(
    {
      id: `download-${text.replace(' ', '')}`,
      title: `Download of ${text} into a file`,
      reference: 'curl',
      ...fileRace(context, served),
      contestants: chosen(
        context,
        ['curl', PIPED],
        [
          curlToFile(served),
          pipedCurl(PIPED, served, 'sha256sum'),
          pipedCurl('curl | openssl sha256', served, 'openssl dgst -sha256'),
          syncedCurl(served),
          waybillToFile(context, CRC, served, { verify: { sha256: false, crc32c: true } }),
          waybillToFile(context, SHA, served, { verify: { sha256: true, crc32c: true } }),
          aria2ToFile(context, served, 8),
          rclone(served),
          awsCli(served),
          nodeToFile('Node fetch', 'fetch-download', served),
          nodeToFile('undici', 'undici-download', served),
        ],
      ),
      goals: [
        { contestant: CRC, metric: 'speed', peer: 'curl', floor: 1.05, aim: 1.25 },
        { contestant: SHA, metric: 'speed', peer: 'curl', floor: 0.85, aim: 1 },
        { contestant: SHA, metric: 'speed', peer: PIPED, floor: 1.2, aim: 1.5 },
        { contestant: CRC, metric: 'peak-rss', floor: 110e6, aim: 80e6 },
        { contestant: SHA, metric: 'peak-rss', floor: 110e6, aim: 80e6 },
      ],
    },
    context.rounds,
    context.log,
  );
}

/** curl into a file, and through a digest program on the way: what a shell script would do. */
function pipedCurl(name: string, served: Served, digest: string): Contestant {
  const script = `"$0" -sSf "$1" | tee "$2" | ${digest} >/dev/null`;
  return toFile(name, 'SHA-256', served, () => ({
    program: 'sh',
    args: ['-c', script, programs().curl, served.url, served.target],
  }));
}

/** curl, and what Waybill does too before it calls a file done: flushing it to where it lasts. */
function syncedCurl(served: Served): Contestant {
  return toFile('curl && sync', 'nothing', served, () => ({
    program: 'sh',
    args: ['-c', '"$0" -sSf -o "$2" "$1" && sync "$2"', programs().curl, served.url, served.target],
  }));
}

function rclone(served: Served): Contestant {
  return toFile('rclone', 'nothing', served, () => ({
    program: programs().rclone,
    args: [
      'copyto',
      '--config',
      '/dev/null',
      '--http-url',
      `${served.origin}/${BUCKET}`,
      `:http:${served.name}`,
      served.target,
    ],
  }));
}

function awsCli(served: Served): Contestant {
  return toFile('aws s3 cp', 'nothing', served, () => ({
    program: programs().aws,
    args: [
      's3',
      'cp',
      '--no-sign-request',
      '--only-show-errors',
      '--endpoint-url',
      served.origin,
      `s3://${BUCKET}/${served.name}`,
      served.target,
    ],
    env: { AWS_REGION: 'us-east-1', AWS_CONFIG_FILE: '/dev/null', AWS_EC2_METADATA_DISABLED: 'true' },
  }));
}

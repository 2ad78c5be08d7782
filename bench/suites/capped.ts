import { runRace } from '../harness/race.ts';
import { startNginx } from '../servers/nginx.ts';
import { chosen, sizeText, type Suite } from './suite.ts';
import { aria2ToFile, curlToFile, fileRace, serve, waybillToFile } from './to-file.ts';

const CONNECTIONS = 16;
const NAME = `Waybill, ${CONNECTIONS} connections`;
const ARIA2 = `aria2 -x${CONNECTIONS}`;

/** A server that gives each connection as much as S3 does. */
export const cappedSuite: Suite = {
  name: 'capped',
  summary: 'a server capped at 85 MiB/s per connection',
  needs: ({ sizes: [size = 0] }) => ({ sources: size, outputs: size }),
  async run(context) {
    await using nginx = await startNginx(context.workspace.sources);
    const served = await serve(context, nginx.capped, context.sizes[0] ?? 1024 ** 3);
    const verify = { sha256: false, crc32c: true };
    const result = await runRace(
      {
        id: 'capped',
        title: `Download of ${sizeText(served.payload.size)}, 85 MiB/s per connection`,
        reference: 'curl',
        ...fileRace(context, served),
        contestants: chosen(
          context,
          ['curl', ARIA2],
          [
            curlToFile(served),
            aria2ToFile(context, served, CONNECTIONS),
            waybillToFile(context, NAME, served, { verify, connections: CONNECTIONS }),
          ],
        ),
        goals: [
          { contestant: NAME, metric: 'speed', peer: 'curl', floor: 11, aim: 13.5 },
          { contestant: NAME, metric: 'speed', peer: ARIA2, floor: 1.7, aim: 2 },
          { contestant: NAME, metric: 'peak-rss', floor: 110e6, aim: 80e6 },
        ],
      },
      context.rounds,
      context.log,
    );
    return [result];
  },
};

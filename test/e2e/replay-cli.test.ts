import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { recordsOf, runCli, startCli } from '../helpers/cli.ts';
import { BUS, eventOf, startReplayWorld, type ReplayWorld } from '../integration/producers/replay/world.ts';

let world: ReplayWorld;
let env: Record<string, string>;
const range = ['--from', '1h'];
const published = 300;

beforeAll(async () => {
  world = await startReplayWorld();
  const { stack, stores } = world;
  env = {
    AWS_ENDPOINT_URL: stack.endpoint,
    AWS_REGION: stack.region,
    AWS_ACCESS_KEY_ID: stack.credentials.accessKeyId,
    AWS_SECRET_ACCESS_KEY: stack.credentials.secretAccessKey,
    WAYBILL_BUS: BUS,
    WAYBILL_STORES: JSON.stringify(stores),
    WAYBILL_CONTROL: JSON.stringify({ ...stores['payloads'], bucket: 'waybill-control' }),
  };
  const attachment = await world.attach(Buffer.from('x'.repeat(1000)));
  const lost = { ...attachment, id: 'a2', name: 'lost.pdf', key: 'payloads/shop/lost' };
  await world.publish([
    ...Array.from({ length: published - 1 }, () => eventOf([attachment])),
    eventOf([attachment, lost]),
    eventOf([], { type: 'order.made' }),
  ]);
});
afterAll(async () => {
  await world[Symbol.asyncDispose]();
});

describe('waybill replay', () => {
  it('counts and looks with --dry-run, and publishes nothing', async () => {
    const args = ['replay', ...range, '--type', 'invoice.*', '--consumer', 'billing', '--dry-run'];
    const result = await runCli([...args, '--json'], { env });
    expect(result.code, result.stderr).toBe(0);
    expect(recordsOf(result, 'dry-run')).toEqual([
      expect.objectContaining({
        published,
        payloadsChecked: published + 1,
        payloadsGone: 1,
        consumer: 'billing',
      }),
    ]);
    expect(recordsOf(result, 'finding')).toEqual([
      expect.objectContaining({ problem: 'missing', key: 'payloads/shop/lost' }),
    ]);
    const people = await runCli(args, { env });
    expect(people.stdout).toMatch(
      /^WHAT +WHICH +COUNT\nwould publish +invoice\.created +300\nskipped +filtered +1\npayloads +missing +1\n$/,
    );
    expect(people.stderr).toContain('would publish 300 events with 301 attachments');
    expect(people.stderr).toContain('missing: payloads/payloads/shop/lost (lost.pdf of event');
    expect(world.taken()).toBe(0);
  });

  it('goes on after kill -9 where it was: every event, nobody else, no page twice', async () => {
    const args = [
      'replay',
      ...range,
      '--type',
      'invoice.*',
      '--consumer',
      'billing',
      '--rate',
      '200/s',
      '--json',
    ];
    const killed = startCli(args, { env });
    await world.stack.spy.waitFor(() => world.taken() >= 130, {
      timeoutMs: 60_000,
    });
    killed.kill('SIGKILL');
    await killed.done;
    const [replayId] = [...world.got('billing')].map(({ replayid }) => replayid);
    const resumed = await runCli(['replay', '--resume', replayId ?? '', '--rate', '1000/s', '--json'], {
      env,
    });
    expect(resumed.code, resumed.stderr).toBe(0);
    expect(recordsOf(resumed, 'replayed')).toEqual([
      expect.objectContaining({ replayId, published, failed: 0, consumer: 'billing' }),
    ]);
    const ids = world.got('billing').map(({ id }) => id);
    expect(new Set(ids).size).toBe(published);
    expect(ids.length).toBeLessThanOrEqual(published + 100);
    expect(world.got('shipping')).toEqual([]);
  });

  it.concurrent.each([
    [
      ['--from', '1h', '--consumer', 'biling'],
      /no rule of bus waybill lets a replay for it through; known: "billing", "shipping"/,
    ],
    [['--fron', '1h'], /unknown option '--fron'\n\(Did you mean --from\?\)/],
    [['--from'], /option '--from <time>' argument missing/],
    [['--from', '2026-13-01'], /expected a time such as/],
    [[], /--from: missing/],
    [['--from', '1h', '--to', '2h'], /--from: got .*, expected a time before --to/],
    [['--from', '1h', '--unhandled-only'], /--unhandled-only: expected --consumer beside it/],
    [
      ['--from', '1h', '--unhandled-only', '--consumer', 'billing', '--again'],
      /--again: got it beside --unhandled-only/,
    ],
    [['--from', '1h', '--reason', 'x'], /--reason: expected --dlq beside it/],
    [
      ['--from', '1h', '--min-size', '2kB', '--max-size', '1kB'],
      /--min-size: got 2000 bytes, expected at most/,
    ],
    [['--resume', 'x', '--type', 'a'], /--type: got it beside --resume/],
    [['--dlq', '--file', 'x'], /--dlq, --file: got several sources/],
    [['--file', 'nothing.json'], /--file: cannot read file "nothing.json" \(ENOENT\)/],
    [['--dlq', 'nix'], /--dlq \(WAYBILL_DLQ\): got "nix", expected an absolute http or https URL/],
    [['--archive', 'a', '--from', '1h', '--type', 'x'], /--archive: got a filter beside it/],
    [['--archive', 'nix', '--from', '1h'], /--archive, --rule: Archive nix does not exist/],
    [['--from', '1h', '--rate', '0'], /expected a rate such as 50\/s/],
    [['--from', '1h', '--pattern', '{"source": "shop"}'], /Event pattern is not valid/],
  ])('fails with one line and exit 2 on %j', async (args, message) => {
    const result = await runCli(['replay', ...args], { env });
    expect(result.code).toBe(2);
    expect(result.stderr).toMatch(message);
    expect(result.stderr).not.toMatch(/^\s+at |100%/m);
  });

  it('fails with exit 1 when there is nothing to resume', async () => {
    const result = await runCli(['replay', '--resume', 'nothing'], { env });
    expect(result).toMatchObject({
      code: 1,
      stderr: expect.stringContaining('there is none to resume [replay]'),
    });
  });
});

describe('waybill dlq', () => {
  it.concurrent.each([
    [['lst'], 2, /unknown command 'lst'\n\(Did you mean list\?\)/],
    [['show'], 2, /missing required argument 'id'/],
    [['show', 'nix'], 1, /no message of "nix" is to be seen/],
    [['redrive'], 2, /nothing chosen; give a filter, --limit or --all/],
    [['redrive', '--rason', 'x'], 2, /unknown option '--rason'\n\(Did you mean --reason\?\)/],
    [['redrive', '--all', '--reason', 'x'], 2, /--all: got it beside a filter or --limit/],
    [['redrive', '--all', '--to', 'nix'], 2, /destination: got "nix", expected the URL or ARN of a queue/],
    [['purge', '--max', '0'], 2, /expected a whole number from 1 to 1000000/],
  ])('fails with one line on %j', async (args, code, message) => {
    const dlq = { WAYBILL_DLQ: world.stack.queueUrl('billing-dlq') };
    const result = await runCli(['dlq', ...args], { env: { ...env, ...dlq } });
    expect(result.stderr).toMatch(message);
    expect(result.code).toBe(code);
    expect(result.stderr).not.toMatch(/^\s+at /m);
  });

  it('fails with exit 2 where there is no such queue', async () => {
    const WAYBILL_DLQ = `${world.stack.queueUrl('billing-dlq')}x`;
    const result = await runCli(['dlq', 'list'], { env: { ...env, WAYBILL_DLQ } });
    expect(result).toMatchObject({ code: 2, stderr: expect.stringContaining('there is no queue') });
  });
});

import { readFile, stat, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import { connect, type AddressInfo } from 'node:net';
import { join } from 'node:path';
import { SendMessageCommand, SQSClient } from '@aws-sdk/client-sqs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { recordsOf, runCli, startCli, startUp, tempDir } from '../helpers/cli.ts';
import { envelope } from '../integration/consumers/worker-harness.ts';
import { sha256Of, writeRandomFile } from '../helpers/files.ts';

const COMMANDS = [
  'demo',
  'up',
  'publish',
  'consume',
  'fetch',
  'presign get',
  'presign put',
  'presign post',
  'inspect',
  'sweep',
  'revoke',
  'erase',
  'url-service',
];

describe('every command', () => {
  it.concurrent.each(COMMANDS)('%s --help shows examples and ends with 0', async (command) => {
    const { code, stdout } = await runCli([...command.split(' '), '--help']);
    expect(code).toBe(0);
    expect(stdout).toContain('Examples:\n  $ waybill');
    expect(stdout).toContain('--json');
  });
});

describe("a user's mistake ends with 2, one clear message and no stack trace", () => {
  it.concurrent.each<[string, string[], string]>([
    ['misspelt command', ['pubilsh'], "unknown command 'pubilsh'"],
    ['misspelt flag', ['consume', '--out', 'x', '--idel-exit', '5s'], 'Did you mean --idle-exit?'],
    ['missing flag', ['publish', 'README.md'], "required option '--type <type>'"],
    ['bad duration', ['publish', 'x', '--type', 't', '--url-ttl', 'soon'], 'expected a duration such as'],
    ['bad number', ['consume', '--out', 'x', '--max', '0'], 'expected a whole number from 1'],
    ['bad log level', ['inspect', 'x', '--log-level', 'loud'], 'Allowed choices are'],
    [
      'missing configuration',
      ['consume', '--out', 'x'],
      '--stores: missing; give the flag or set WAYBILL_STORES',
    ],
    [
      'days that are none',
      ['publish', 'x', '--type', 't', '--delivery', '{"queueDays":-1}'],
      'delivery.queueDays: got -1',
    ],
    ['missing event file', ['fetch', 'nowhere.json'], '"nowhere.json": cannot be read (ENOENT)'],
    ['not a URL', ['inspect', 'nonsense'], 'url:'],
    ['not an S3 URL', ['presign', 'get', 'bucket/key', '--region', 'us-east-1'], 'expected s3://bucket/key'],
    [
      'stores that are not JSON',
      ['consume', '--out', 'x', '--stores', '{nope'],
      '--stores (WAYBILL_STORES): the value is not JSON',
    ],
    ['a store without bucket', ['consume', '--out', 'x', '--stores', '{"a":{"region":"x"}}'], 'a.bucket'],
    [
      'records in a control bucket without a name',
      ['consume', '--out', 'x', '--stores', '{"a":{"bucket":"abc","region":"x"}}', '--control', '{}'],
      '--control: records in a control bucket stand under a name; give --consumer too',
    ],
    ['port out of range', ['up', '--port', '70000'], 'expected a whole number from 0 to 65535'],
  ])('%s', async (_what, args, message) => {
    const { code, stderr } = await runCli(args);
    expect(stderr).toContain(message);
    expect(stderr).not.toMatch(/^\s+at /m);
    expect(code).toBe(2);
  });
});

describe('against `waybill up`', () => {
  let dir: Awaited<ReturnType<typeof tempDir>>;
  let up: Awaited<ReturnType<typeof startUp>>;
  const run = (...args: string[]) => runCli(args, { cwd: dir.path, env: up.env });

  beforeAll(async () => {
    dir = await tempDir();
    up = await startUp(dir.path);
  });
  afterAll(async () => {
    up.kill('SIGTERM');
    await up.done;
    await dir[Symbol.asyncDispose]();
  });

  it('writes variables that only their owner may read', async () => {
    expect((await stat(join(dir.path, 'up.env'))).mode & 0o777).toBe(0o600);
    for (const name of ['credentials.json', 'signing-key.json']) {
      expect((await stat(join(dir.path, 'stack', name))).mode & 0o777).toBe(0o600);
    }
  });

  it('publishes a directory and consumes it, names and bytes kept, then fetches it again by claim check', async () => {
    const source = join(dir.path, 'scans');
    await writeRandomFile(join(dir.path, 'one.bin'), 3_000_000);
    const { mkdir } = await import('node:fs/promises');
    await mkdir(join(source, 'sub'), { recursive: true });
    await writeRandomFile(join(source, 'big.bin'), 20_000_001);
    await writeRandomFile(join(source, 'sub', 'ünï cöde+%.bin'), 70_000);
    await writeFile(join(source, 'empty'), '');

    const published = await run(
      'publish',
      'scans',
      'one.bin',
      '--type',
      'scan.made',
      '--source',
      'scanner',
      '--data',
      '{"batch":7}',
      '--json',
    );
    expect(published.stderr).toContain('published scan.made');
    expect(published.code).toBe(0);
    const [{ eventId, attachments }] = recordsOf(published, 'published');
    expect(attachments.map(({ name }: { name: string }) => name)).toEqual([
      'big.bin',
      'empty',
      'sub/ünï cöde+%.bin',
      'one.bin',
    ]);

    const consumed = await run('consume', '--out', 'received', '--max', '1', '--json');
    expect(consumed.code, consumed.stderr).toBe(0);
    const [saved] = recordsOf(consumed, 'saved');
    expect(saved.eventId).toBe(eventId);
    for (const name of ['big.bin', 'empty', 'sub/ünï cöde+%.bin']) {
      expect(await sha256Of(join(dir.path, 'received', eventId, 'files', name))).toBe(
        await sha256Of(join(source, name)),
      );
    }
    const eventFile = join('received', eventId, 'event.json');
    expect((await stat(join(dir.path, eventFile))).mode & 0o777).toBe(0o600);
    const event = JSON.parse(await readFile(join(dir.path, eventFile), 'utf8'));
    expect(event.data.batch).toBe(7);
    expect(JSON.stringify(event)).not.toContain('X-Amz-Signature');

    const fetched = await run('fetch', eventFile, '--out', 'again/', '--json');
    expect(fetched.code, fetched.stderr).toBe(0);
    expect(recordsOf(fetched, 'fetched')).toHaveLength(4);
    expect(await sha256Of(join(dir.path, 'again', eventId, 'files', 'big.bin'))).toBe(
      await sha256Of(join(source, 'big.bin')),
    );
  });

  it('saves an event that comes again once, with records beside the files or in the control bucket', async () => {
    await writeRandomFile(join(dir.path, 'twice.bin'), 100_000);
    const sent = await run('publish', 'twice.bin', '--type', 'scan.made', '--source', 'scanner', '--json');
    const [{ eventId }] = recordsOf(sent, 'published');
    await run('consume', '--out', 'once', '--max', '1');
    const text = await readFile(join(dir.path, 'once', eventId, 'event.json'), 'utf8');
    const sqs = new SQSClient({
      endpoint: up.env['AWS_ENDPOINT_URL']!,
      region: 'us-east-1',
      credentials: {
        accessKeyId: up.env['AWS_ACCESS_KEY_ID']!,
        secretAccessKey: up.env['AWS_SECRET_ACCESS_KEY']!,
      },
    });
    const again = async (): Promise<void> => {
      const MessageBody = envelope(JSON.parse(text));
      await sqs.send(new SendMessageCommand({ QueueUrl: up.env['WAYBILL_QUEUE']!, MessageBody }));
    };
    await again();
    const second = await run('consume', '--out', 'once', '--idle-exit', '3s', '--json');
    expect(second.code, second.stderr).toBe(0);
    expect(recordsOf(second, 'duplicate')).toMatchObject([{ eventId }]);
    expect(recordsOf(second, 'saved')).toEqual([]);

    const named = ['consume', '--consumer', 'archive', '--idle-exit', '3s', '--json'];
    for (const [out, saved] of [
      ['first', 1],
      ['elsewhere', 0],
    ] as const) {
      await again();
      const result = await run(...named, '--out', out);
      expect(recordsOf(result, 'saved'), result.stderr).toHaveLength(saved);
      expect(recordsOf(result, 'duplicate')).toHaveLength(1 - saved);
    }
    await again();
    const forced = await run(...named, '--out', 'elsewhere', '--no-idempotency');
    expect(recordsOf(forced, 'saved')).toHaveLength(1);
    sqs.destroy();
  });

  it('SIGTERM ends the stack with 0', async () => {
    await using other = await tempDir();
    const running = await startUp(other.path);
    running.kill('SIGTERM');
    expect((await running.done).code).toBe(0);
  });

  it('stops when idle', async () => {
    const { code, stderr } = await run('consume', '--out', 'nothing', '--idle-exit', '500ms');
    expect([code, stderr]).toEqual([0, expect.stringContaining('stopped: 0 saved')]);
  });

  it('fetches a bare presigned URL and compares the digest it is given', async () => {
    const file = join(dir.path, 'bare.bin');
    await writeRandomFile(file, 18_000_000);
    const published = await run('publish', 'bare.bin', '--type', 'bare', '--json');
    const [{ attachments }] = recordsOf(published, 'published');
    const { key } = attachments[0];
    const presigned = await run('presign', 'get', `s3://waybill-payloads/${key}`, '--json');
    const [{ url }] = recordsOf(presigned, 'presigned');
    const sha = await sha256Of(file);
    const good = await run('fetch', url, '--out', 'copy.bin', '--digest', sha);
    expect(good.code, good.stderr).toBe(0);
    expect(await sha256Of(join(dir.path, 'copy.bin'))).toBe(sha);
    const bad = await run('fetch', url, '--out', 'wrong.bin', '--digest', '0'.repeat(64));
    expect([bad.code, bad.stderr]).toEqual([1, expect.stringContaining('[checksum-mismatch]')]);
    await expect(stat(join(dir.path, 'wrong.bin'))).rejects.toThrow('ENOENT');
    const inspected = await run('inspect', url);
    expect(inspected.code).toBe(0);
    expect(inspected.stdout).toContain('AWS4-HMAC-SHA256');
    expect(inspected.stdout).not.toContain(new URL(url).searchParams.get('X-Amz-Signature'));
    expect(good.stderr + bad.stderr + inspected.stderr).not.toContain('X-Amz-Signature=');
  });

  it.each<[string, string[], RegExp]>([
    ['a bad type', ['publish', 'up.env', '--type', 'has space'], /type: got "has space", expected/],
    ['a missing file', ['publish', 'nowhere.bin', '--type', 't'], /"nowhere.bin": no such file/],
    [
      'data that is no object',
      ['publish', 'up.env', '--type', 't', '--data', '[1]'],
      /--data: expected a JSON object/,
    ],
    [
      'a life beyond 7 days',
      ['publish', 'up.env', '--type', 't', '--url-ttl', '8d'],
      /urlTtlSeconds: got 691200, expected/,
    ],
    [
      'a life beyond 7 days to presign',
      ['presign', 'get', 's3://waybill-payloads/k', '--expires', '8d'],
      /ttlSeconds: got 691200/,
    ],
    ['an unknown store', ['publish', 'up.env', '--type', 't', '--store', 'nope'], /store.*nope/],
  ])('%s is misuse and publishes nothing', async (_what, args, message) => {
    const { code, stderr, stdout } = await run(...args);
    expect(stderr).toMatch(message);
    expect(stderr).not.toMatch(/^\s+at /m);
    expect([code, stdout]).toEqual([2, '']);
  });

  it('names the proxy variable that is no URL, without its value', async () => {
    const env = { ...up.env, http_proxy: 'http://user:hush@:bad:' };
    const { code, stderr } = await runCli(['fetch', 'http://127.0.0.1:9/b/k'], { cwd: dir.path, env });
    expect([code, stderr]).toEqual([
      2,
      'waybill: HTTP_PROXY: got something else, expected an absolute http or https URL\n',
    ]);
  });

  it('serves the URL service alone: a caller has what its table allows, and nothing else', async () => {
    const [accessKeyId, secretAccessKey] = [up.env['AWS_ACCESS_KEY_ID'], up.env['AWS_SECRET_ACCESS_KEY']];
    const callers = JSON.stringify([
      {
        caller: 'archive',
        accessKeyId,
        secretAccessKey,
        types: ['allowed'],
        prefixes: ['payloads/local-producer/'],
      },
    ]);
    const service = startCli(['url-service', '--port', '0', '--callers', callers, '--json'], {
      cwd: dir.path,
      env: up.env,
    });
    const { url } = JSON.parse(await service.waitFor(/"type":"url-service"/));
    await writeFile(join(dir.path, 'note.txt'), 'a note');
    for (const type of ['allowed', 'forbidden']) {
      const published = await run('publish', 'note.txt', '--type', type, '--no-url', '--json');
      const [{ eventId }] = recordsOf(published, 'published');
      const consumed = await run(
        'consume',
        '--out',
        'by-service',
        '--idle-exit',
        '3s',
        '--url-service',
        url,
        '--json',
      );
      const outcome = [...recordsOf(consumed, 'saved'), ...recordsOf(consumed, 'unavailable')].find(
        (each) => each.eventId === eventId,
      );
      expect(outcome).toMatchObject(
        type === 'allowed' ? { type: 'saved' } : { type: 'unavailable', code: 'url-service' },
      );
    }
    service.kill('SIGTERM');
    expect((await service.done).code).toBe(0);
  });

  it('fetches through the proxy that the environment names, and around it where NO_PROXY says so', async () => {
    const [presigned] = recordsOf(
      await run('presign', 'get', 's3://waybill-payloads/via-proxy', '--json'),
      'presigned',
    );
    const tunnels: string[] = [];
    const proxy = createServer();
    proxy.on('connect', ({ url = '' }, client) => {
      tunnels.push(url);
      const target = connect(Number(url.split(':')[1]), '127.0.0.1', () => {
        client.write('HTTP/1.1 200 Connection Established\r\n\r\n');
        target.pipe(client).pipe(target);
      });
      target.on('error', () => client.destroy());
      client.on('error', () => target.destroy());
    });
    await new Promise<void>((resolve) => proxy.listen(0, '127.0.0.1', resolve));
    const { port } = proxy.address() as AddressInfo;
    const env = { ...up.env, http_proxy: `http://127.0.0.1:${port}` };
    const via = await runCli(['fetch', presigned.url, '--out', 'proxied'], { cwd: dir.path, env });
    expect([via.code, via.stderr]).toEqual([1, expect.stringContaining('NoSuchKey')]);
    expect(tunnels).toEqual([new URL(presigned.url).host]);
    await runCli(['fetch', presigned.url, '--out', 'direct'], {
      cwd: dir.path,
      env: { ...env, NO_PROXY: '127.0.0.1' },
    });
    expect(tunnels).toHaveLength(1);
    proxy.closeAllConnections();
    proxy.close();
  });

  it('a queue that does not exist is misuse; one that refuses us is a failure, also when idle', async () => {
    const queue = up.env['WAYBILL_QUEUE'] ?? '';
    const missing = await run(
      'consume',
      '--out',
      'x',
      '--queue',
      queue.replace(/[^/]+$/, 'nowhere'),
      '--idle-exit',
      '3s',
    );
    expect([missing.code, missing.stderr]).toEqual([
      2,
      expect.stringContaining('expected the URL of a queue that exists'),
    ]);
    const env = { ...up.env, AWS_SECRET_ACCESS_KEY: 'wrong' };
    const refused = await runCli(['consume', '--out', 'x', '--idle-exit', '3s'], { cwd: dir.path, env });
    expect([refused.code, refused.stderr]).toEqual([
      1,
      expect.stringContaining('nothing could be received: SQS does not accept our credentials'),
    ]);
    expect(refused.stderr).not.toContain('"level"');
  });

  it('a bus that cannot be reached ends with 1 and one line', async () => {
    const { code, stderr } = await runCli(
      [
        'publish',
        'up.env',
        '--type',
        't',
        '--stores',
        JSON.stringify({ a: { bucket: 'nobucket', region: 'us-east-1', endpoint: 'http://127.0.0.1:9' } }),
      ],
      { cwd: dir.path, env: up.env },
    );
    expect(code).toBe(1);
    expect(stderr).not.toMatch(/^\s+at /m);
  });
});

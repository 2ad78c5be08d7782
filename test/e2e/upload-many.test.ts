import { fork, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { Agent, request } from 'undici';
import { describe, expect, it } from 'vitest';
import { createUploadRecords } from '../../producers/upload-service/record.ts';
import { createRecords } from '../../shared/records/index.ts';
import { startUp, tempDir } from '../helpers/cli.ts';

const AT_ONCE = 1_000;
const WAVES = 2;
/** What the service may hold more after the second thousand than after the first: less than 2 KB an upload. */
const GROWTH_BYTES = 2_000_000;
const POLICY = {
  types: { 'note.uploaded': { mediaTypes: ['text/plain'], maxSizeBytes: 1_000 } },
  maxOpenUploads: AT_ONCE,
};

describe('a thousand people who upload at the same time', () => {
  it('all get through, and the service holds no more after the second thousand than after the first', async () => {
    await using dir = await tempDir();
    const up = await startUp(dir.path);
    const credentials = {
      accessKeyId: up.env['AWS_ACCESS_KEY_ID']!,
      secretAccessKey: up.env['AWS_SECRET_ACCESS_KEY']!,
    };
    const control = JSON.parse(up.env['WAYBILL_CONTROL']!);
    const records = createRecords({ control, credentials });
    const child = startService(up.env);
    try {
      const service = (await once(child, 'message'))[0] as Service;
      const held: number[] = [];
      for (let wave = 0; wave < WAVES; wave += 1) {
        const agent = new Agent({ connections: AT_ONCE, headersTimeout: 240_000, connectTimeout: 120_000 });
        const ids = await Promise.all(
          Array.from({ length: AT_ONCE }, async (_, index) => await uploadOne(service, agent, wave, index)),
        );
        expect(new Set(ids).size).toBe(AT_ONCE);
        await nothingOpen(createUploadRecords(records));
        for (const uploadId of ids.slice(0, 20)) {
          expect(await ask(service, agent, `/uploads/${uploadId}`)).toMatchObject({ state: 'published' });
        }
        await agent.close();
        child.send('held');
        held.push(((await once(child, 'message'))[0] as { heapBytes: number }).heapBytes);
      }
      process.stderr.write(`held after each ${AT_ONCE}: ${held.join(', ')} bytes\n`);
      expect(held[1]! - held[0]!).toBeLessThan(GROWTH_BYTES);
    } finally {
      child.kill();
      records.close();
      up.kill('SIGTERM');
      await up.done;
    }
  });
});

interface Service {
  readonly url: string;
  readonly token: string;
}

function startService(env: Record<string, string>): ChildProcess {
  return fork(new URL('../helpers/upload-service-child.ts', import.meta.url), {
    execArgv: ['--expose-gc', '--import', 'tsx'],
    env: { PATH: process.env['PATH'], ...env, UPLOAD_POLICY: JSON.stringify(POLICY) },
  });
}

async function uploadOne(service: Service, agent: Agent, wave: number, index: number): Promise<string> {
  const body = Buffer.from(`note ${index} of wave ${wave}`);
  const opened = await ask(service, agent, '/uploads', {
    name: `${index}.txt`,
    mediaType: 'text/plain',
    type: 'note.uploaded',
    size: body.byteLength,
  });
  const { url, headers } = opened.put;
  const put = await request(url, { dispatcher: agent, method: 'PUT', headers, body });
  await put.body.dump();
  expect(put.statusCode).toBe(200);
  return opened.uploadId;
}

/** Waits until the intake of `waybill up` has published or refused all that was opened. */
async function nothingOpen(uploads: ReturnType<typeof createUploadRecords>): Promise<void> {
  for (let tries = 0; tries < 600; tries += 1) {
    let open = 0;
    for await (const _ of uploads.allOpen()) open += 1;
    if (open === 0) return;
    await new Promise((resolve) => setTimeout(resolve, 500));
  }
  throw new Error('some uploads were never published');
}

// oxlint-disable-next-line typescript/no-explicit-any -- answers of two shapes
async function ask({ url, token }: Service, agent: Agent, path: string, body?: object): Promise<any> {
  const { statusCode, body: answer } = await request(`${url}${path}`, {
    dispatcher: agent,
    method: body === undefined ? 'GET' : 'POST',
    headers: { authorization: `Bearer ${token}` },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  const text = await answer.text();
  expect(statusCode, text).toBeLessThan(300);
  return JSON.parse(text);
}

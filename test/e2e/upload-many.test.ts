import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Agent, request } from 'undici';
import { describe, expect, it } from 'vitest';
import { startUp, tempDir } from '../helpers/cli.ts';

const AT_ONCE = 1_000;
const WAVES = 2;
/** What the process may hold more after the last wave than after the first: pages that its allocator keeps. */
const GROWTH_BYTES = 32 * 1024 ** 2;
const POLICY = {
  types: { 'note.uploaded': { mediaTypes: ['text/plain'], maxSizeBytes: 1_000 } },
  maxOpenUploads: AT_ONCE * WAVES,
};

describe('a thousand people who upload at the same time', () => {
  it('all get through, and the service holds no more after many thousands than before', async () => {
    await using dir = await tempDir();
    const policy = join(dir.path, 'policy.json');
    await writeFile(policy, JSON.stringify(POLICY));
    const up = await startUp(dir.path, { args: ['--upload-policy', policy] });
    const agent = new Agent({ connections: AT_ONCE, headersTimeout: 120_000, connectTimeout: 60_000 });
    try {
      const resident: number[] = [];
      for (let wave = 0; wave < WAVES; wave += 1) {
        const ids = await Promise.all(
          Array.from({ length: AT_ONCE }, async (_, index) => await uploadOne(up.env, agent, wave, index)),
        );
        expect(new Set(ids).size).toBe(AT_ONCE);
        for (const uploadId of ids) await published(up.env, agent, uploadId);
        resident.push(await rssBytes(up.child.pid));
      }
      process.stderr.write(
        `resident after each ${AT_ONCE}: ${resident.map((b) => `${b >> 20} MiB`).join(', ')}\n`,
      );
      expect(resident.at(-1)! - resident[0]!).toBeLessThan(GROWTH_BYTES);
    } finally {
      await agent.close();
      up.kill('SIGTERM');
      await up.done;
    }
  });
});

type Env = Record<string, string>;

async function uploadOne(env: Env, agent: Agent, wave: number, index: number): Promise<string> {
  const body = Buffer.from(`note ${index} of wave ${wave}`);
  const opened = await ask(env, agent, '/uploads', {
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

async function published(env: Env, agent: Agent, uploadId: string): Promise<void> {
  for (let tries = 0; tries < 600; tries += 1) {
    const { state } = await ask(env, agent, `/uploads/${uploadId}`);
    if (state === 'published') return;
    expect(['open', 'accepted']).toContain(state);
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  throw new Error(`upload ${uploadId} was never published`);
}

// oxlint-disable-next-line typescript/no-explicit-any -- answers of two shapes
async function ask(env: Env, agent: Agent, path: string, body?: object): Promise<any> {
  const { statusCode, body: answer } = await request(`${env['WAYBILL_UPLOADS']}${path}`, {
    dispatcher: agent,
    method: body === undefined ? 'GET' : 'POST',
    headers: { authorization: `Bearer ${env['WAYBILL_UPLOAD_TOKEN']}` },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  const text = await answer.text();
  expect(statusCode, text).toBeLessThan(300);
  return JSON.parse(text);
}

async function rssBytes(pid: number | undefined): Promise<number> {
  const status = await readFile(`/proc/${pid}/status`, 'utf8');
  return Number(/VmRSS:\s+(\d+) kB/.exec(status)![1]) * 1024;
}

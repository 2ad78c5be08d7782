import { mkdir, mkdtemp, readdir, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import { v7 as uuidv7 } from 'uuid';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { readRejection, type WorkerEvent } from '../../../consumers/index.ts';
import {
  createClaimCheckSigner,
  createClaimCheckVerifier,
  generateProducerKey,
} from '../../../shared/claim-check.ts';
import { parseEnvelope, type AttachmentInput } from '../../../shared/events/index.ts';
import { envelope, events, orderEvent, startHarness, type Harness, type Watched } from './worker-harness.ts';

let harness: Harness;
let watched: Watched;
let dir = '';
beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'waybill-hostile-'));
  harness = await startHarness();
  watched = harness.work({
    events,
    maxAttachmentBytes: 1000,
    random: () => 0,
    claimCheckVerifier: createClaimCheckVerifier({ keys: [harness.producerKey] }),
    handler: async (_event, { saveAll }) => {
      await saveAll(join(dir, 'in'));
    },
  });
});
afterAll(async () => {
  await harness[Symbol.asyncDispose]();
  await rm(dir, { recursive: true, force: true });
});

/** Sends a body and waits for its rejection, both as told and as it lies in the dead-letter queue. */
async function rejected(body: string): Promise<Extract<WorkerEvent, { kind: 'rejected' }>> {
  const messageId = await harness.send(body);
  const told = await watched.until('rejected', (event) => event.messageId === messageId);
  const letters = await harness.deadLetters(1);
  expect(letters.map(({ Body }) => Body === body)).toEqual([true]);
  expect(readRejection(letters[0]?.MessageAttributes)).toMatchObject({
    code: told.code,
    reason: told.reason,
    rejectId: told.rejectId,
  });
  return told;
}

/** An event whose one attachment is real but for what `change` does to it. */
async function changed(
  change: (attachment: AttachmentInput) => Partial<AttachmentInput> | Promise<Partial<AttachmentInput>>,
): Promise<string> {
  const id = uuidv7();
  const attachment = await harness.attach(id, Buffer.from('payload'));
  return envelope(orderEvent(id, [{ ...attachment, ...(await change(attachment)) }]));
}

const withUrl = (attachment: AttachmentInput, edit: (url: string) => string): Partial<AttachmentInput> => ({
  access: { ...attachment.access!, url: edit(attachment.access!.url) },
});

const gets = (): number => harness.stack.spy.records('s3').filter(({ method }) => method === 'GET').length;

describe('a hostile event', () => {
  it.each<
    [
      string,
      string,
      (attachment: AttachmentInput) => Partial<AttachmentInput> | Promise<Partial<AttachmentInput>>,
    ]
  >([
    ['an unknown store', 'unknown-store', () => ({ store: 'theirs' })],
    [
      'a URL of another host',
      'foreign-url',
      (a) => withUrl(a, (url) => url.replace('127.0.0.1', 'localhost')),
    ],
    [
      'a URL of the metadata service',
      'foreign-url',
      (a) => withUrl(a, () => 'http://169.254.169.254/latest/?versionId=1'),
    ],
    [
      'a URL of another bucket',
      'foreign-url',
      (a) => withUrl(a, (url) => url.replace('/payloads/', '/others/')),
    ],
    ['a URL of another key', 'foreign-url', (a) => withUrl(a, (url) => url.replace('a1?', 'a2?'))],
    [
      'a URL of another version',
      'foreign-url',
      (a) => withUrl(a, (url) => url.replace(/versionId=[^&]+/, 'versionId=other')),
    ],
    ['a name that leads out', 'event-parse', () => ({ name: '../../etc/passwd' })],
    ['an absolute name', 'event-parse', () => ({ name: '/etc/passwd' })],
    ['a size of 2^60', 'event-parse', () => ({ size: 2 ** 60 })],
    ['a size over the limit', 'size-limit', () => ({ size: 1001 })],
    ['a claim check of another attachment', 'claim-check', () => ({ id: 'a2' })],
    ['a claim check of another size', 'claim-check', () => ({ size: 8 })],
    ['a claim check that is none', 'claim-check', () => ({ claimCheck: 'eyJh.eyJi.c2ln' })],
    [
      'a claim check of another event',
      'claim-check',
      async () => {
        const other = await harness.attach(uuidv7(), Buffer.from('payload'));
        return { claimCheck: other.claimCheck };
      },
    ],
    [
      'a claim check signed by an unknown producer',
      'claim-check',
      async (attachment) => resigned(attachment, 'mallory'),
    ],
    [
      "a claim check in the producer's name, signed by another key",
      'claim-check',
      async (attachment) => resigned(attachment, 'shop', harness.signer.kid),
    ],
  ])('with %s is dead-lettered as %s before anything is fetched', async (_what, code, change) => {
    const body = await changed(change);
    const before = gets();
    const told = await rejected(body);
    expect(told.code).toBe(code);
    expect(told.reason).not.toMatch(/X-Amz-Signature|eyJ[\w-]{4,}\.[\w-]+\.[\w-]+/);
    expect(gets()).toBe(before);
  });

  it('that is not JSON, not an envelope, of another source, another type or another shape is dead-lettered', async () => {
    const event = orderEvent(uuidv7(), []);
    expect((await rejected('not json')).reason).toContain('expected JSON');
    expect((await rejected('{}')).code).toBe('event-parse');
    expect((await rejected(envelope(event, { source: 'someone' }))).reason).toContain('detail.source');
    expect((await rejected(envelope({ ...event, type: 'order.other' }))).reason).toContain(
      'type: got "order.other"',
    );
    const data = { orderId: 1, attachments: [] } as never;
    expect((await rejected(envelope({ ...event, data }))).reason).toContain('data.orderId: got 1');
  });

  it('of almost 1 MiB is dead-lettered whole, with as much of the reason as there is room for', async () => {
    const body = 'x'.repeat(1_048_576 - 200);
    const messageId = await harness.send(body);
    const told = await watched.until('rejected', (event) => event.messageId === messageId);
    const [letter] = await harness.deadLetters(1);
    expect(letter?.Body === body).toBe(true);
    expect(readRejection(letter?.MessageAttributes)).toEqual({
      rejectId: told.rejectId,
      code: 'event-parse',
    });
  });

  it('of 10 MB is refused without being parsed', () => {
    const body = JSON.stringify({ detail: 'x'.repeat(10_000_000) });
    expect(() => parseEnvelope(body)).toThrow('expected at most 1048576 bytes');
  });

  it('with awkward names is saved inside its own directory', async () => {
    const id = uuidv7();
    const names = [
      'event.json',
      'a.txt',
      'a.txt',
      'A.TXT',
      'a.txt/b',
      '..\u200b',
      'con',
      'x'.repeat(300),
      'é\u0301|?.bin',
    ];
    const attachments = await Promise.all(
      names.map((name, index) => harness.attach(id, Buffer.from(`file ${index}`), { id: `a${index}`, name })),
    );
    const messageId = await harness.send(envelope(orderEvent(id, attachments)));
    await watched.until('succeeded', (event) => event.messageId === messageId);
    const home = join(dir, 'in', id);
    const found = await filesUnder(join(home, 'files'));
    const contents = await Promise.all(found.map((path) => readFile(join(home, 'files', path), 'utf8')));
    expect(contents.sort()).toEqual(names.map((_name, index) => `file ${index}`));
    expect(found).toContain('event.json');
    expect(await readFile(join(home, 'event.json'), 'utf8')).toContain('"specversion"');
    expect((await readdir(home)).sort()).toEqual(['event.json', 'files']);
    expect(await readdir(dir)).toEqual(['in']);
  });

  it('cannot write through a link inside the directory', async () => {
    const id = uuidv7();
    const outside = await mkdtemp(join(tmpdir(), 'waybill-outside-'));
    await writeFile(join(outside, 'kept'), '');
    await mkdir(join(dir, 'in', id, 'files'), { recursive: true });
    await symlink(outside, join(dir, 'in', id, 'files', 'docs'));
    const attachment = await harness.attach(id, Buffer.from('payload'), { name: 'docs/kept' });
    const messageId = await harness.send(envelope(orderEvent(id, [attachment])));
    await watched.until('unavailable', (event) => event.messageId === messageId && event.code === 'storage');
    expect(await readFile(join(outside, 'kept'), 'utf8')).toBe('');
    await rm(join(dir, 'in', id, 'files', 'docs'));
    await watched.until('succeeded', (event) => event.messageId === messageId);
    await rm(outside, { recursive: true });
  });

  it('leaves the worker alive', async () => {
    const id = uuidv7();
    const messageId = await harness.send(
      envelope(orderEvent(id, [await harness.attach(id, Buffer.from('fine'))])),
    );
    await watched.until('succeeded', (event) => event.messageId === messageId);
    expect(watched.worker.stats).toMatchObject({ retried: 0, leasesLost: 0, receiveErrors: 0 });
  });
});

/** The attachment's own claims, signed by a key that the consumer does not know. */
async function resigned(
  attachment: AttachmentInput,
  issuer: string,
  kid?: string,
): Promise<Partial<AttachmentInput>> {
  const { signingKey } = generateProducerKey({ issuer });
  const signer = createClaimCheckSigner({
    issuer,
    kid: kid ?? signingKey.kid,
    privateKey: signingKey.privateKey,
  });
  const { id: attachmentId, store, key, versionId, size, digest, retainUntil } = attachment;
  const [, , type = '', eventId = ''] = key.split('/');
  const claims = { eventId, attachmentId, type, store, key, versionId, size, digest, retainUntil };
  return { claimCheck: (await signer.sign(claims)).reveal() };
}

async function filesUnder(root: string): Promise<string[]> {
  const entries = await readdir(root, { recursive: true, withFileTypes: true });
  return entries
    .filter((entry) => entry.isFile())
    .map((entry) => relative(root, join(entry.parentPath, entry.name)));
}

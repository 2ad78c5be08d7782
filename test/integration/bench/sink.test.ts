import { randomBytes } from 'node:crypto';
import {
  CompleteMultipartUploadCommand,
  CreateMultipartUploadCommand,
  S3Client,
  UploadPartCommand,
} from '@aws-sdk/client-s3';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startSink, type Sink } from '../../../bench/servers/sink-client.ts';
import { combineCrc32c, crc32c, crc32cToBase64 } from '../../../shared/crc32c.ts';

const MIB = 1024 ** 2;

describe("the benches' sink", () => {
  let sink: Sink;
  beforeAll(async () => {
    sink = await startSink();
  });
  afterAll(() => sink[Symbol.asyncDispose]());

  const client = (): S3Client =>
    new S3Client({
      endpoint: sink.endpoint,
      region: 'us-east-1',
      forcePathStyle: true,
      maxAttempts: 1,
      credentials: { accessKeyId: 'a', secretAccessKey: 'b' },
    });

  it('counts an object that came in parts, in the order of their numbers', async () => {
    await sink.verify(true);
    using s3 = disposable(client());
    const [first, second] = [randomBytes(6 * MIB), randomBytes(3 * MIB + 17)];
    const address = { Bucket: 'b', Key: 'dir/k' };
    const { UploadId } = await s3.send(new CreateMultipartUploadCommand(address));
    const put = async (PartNumber: number, Body: Buffer) => {
      const sum = crc32cToBase64(crc32c(Body));
      const command = new UploadPartCommand({ ...address, UploadId, PartNumber, Body, ChecksumCRC32C: sum });
      const { ETag, ChecksumCRC32C } = await s3.send(command);
      expect(ChecksumCRC32C).toBe(sum);
      return { PartNumber, ETag };
    };
    const parts = await Promise.all([put(2, second), put(1, first)]);
    const done = await s3.send(
      new CompleteMultipartUploadCommand({
        ...address,
        UploadId,
        MultipartUpload: { Parts: parts.toReversed() },
      }),
    );
    expect(done.VersionId).toMatch(/./);
    expect(await sink.objects()).toEqual([
      {
        path: '/b/dir/k',
        size: first.length + second.length,
        parts: 2,
        withCrc32c: 2,
        crc32c: crc32cToBase64(combineCrc32c(crc32c(first), crc32c(second), second.length)),
        wrongParts: [],
      },
    ]);
    expect(await sink.objects()).toEqual([]);
  });

  it('takes the framing off a body whose checksum follows in a trailer', async () => {
    await sink.verify(true);
    const body = randomBytes(2 * MIB + 5);
    const sum = crc32cToBase64(crc32c(body));
    const framed = [body.subarray(0, MIB), body.subarray(MIB)].flatMap((chunk) => [
      `${chunk.length.toString(16)}\r\n`,
      chunk,
      '\r\n',
    ]);
    const reply = await fetch(`${sink.endpoint}/b/k`, {
      method: 'PUT',
      body: new Blob([...framed, `0\r\nx-amz-checksum-crc32c:${sum}\r\n\r\n`]),
      headers: {
        'x-amz-content-sha256': 'STREAMING-UNSIGNED-PAYLOAD-TRAILER',
        'x-amz-decoded-content-length': String(body.length),
        'x-amz-trailer': 'x-amz-checksum-crc32c',
      },
    });
    expect(reply.status).toBe(200);
    const [object] = await sink.objects();
    expect(object).toMatchObject({
      size: body.length,
      parts: 1,
      withCrc32c: 1,
      crc32c: sum,
      wrongParts: [],
    });
  });

  it('names a part whose CRC32C is not the one that was sent', async () => {
    await sink.verify(true);
    const headers = { 'x-amz-checksum-crc32c': 'AAAAAA==' };
    const reply = await fetch(`${sink.endpoint}/b/k`, { method: 'PUT', body: 'other bytes', headers });
    expect(reply.status).toBe(200);
    expect((await sink.objects())[0]?.wrongParts).toEqual([1]);
  });

  it('only counts unless it is told to verify', async () => {
    await sink.verify(false);
    await fetch(`${sink.endpoint}/b/k`, { method: 'PUT', body: Buffer.alloc(5 * MIB) });
    const [object] = await sink.objects();
    expect(object).toMatchObject({ size: 5 * MIB, wrongParts: [] });
    expect(object?.crc32c).toBeUndefined();
  });

  it('refuses a part of an upload that nobody opened', async () => {
    const url = `${sink.endpoint}/b/k?partNumber=1&uploadId=none`;
    const reply = await fetch(url, { method: 'PUT', body: 'x' });
    expect(reply.status).toBe(404);
    expect(await reply.text()).toContain('NoSuchUpload');
    expect(await sink.objects()).toEqual([]);
  });
});

function disposable(client: S3Client): S3Client & Disposable {
  return Object.assign(client, { [Symbol.dispose]: () => client.destroy() });
}

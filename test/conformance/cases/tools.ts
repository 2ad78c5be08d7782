import { GetObjectCommand, PutObjectCommand } from '@aws-sdk/client-s3';
import type {
  GetObjectCommandInput,
  GetObjectCommandOutput,
  PutObjectCommandInput,
} from '@aws-sdk/client-s3';
import { createHash } from 'node:crypto';
import type { World } from '../world.ts';

/** The smallest part that need not be the last, in bytes. */
export const MIN_PART_BYTES = 5 * 1024 * 1024;

/** Bytes that tell where they stand. */
export function pattern(size: number, seed = 1): Buffer {
  const bytes = Buffer.alloc(size);
  for (let at = 0; at < size; at += 1) bytes[at] = (at * 31 + (at >> 8) * 7 + seed) & 0xff;
  return bytes;
}

/** Hex MD5. */
export function md5(data: string | Uint8Array): string {
  return createHash('md5').update(data).digest('hex');
}

/** Base64 MD5, as Content-MD5 has it. */
export function md5Base64(data: string | Uint8Array): string {
  return createHash('md5').update(data).digest('base64');
}

/** A new object in the bucket without versions, and where it is. */
export async function put(
  world: World,
  body: string | Uint8Array = 'content',
  input: Partial<PutObjectCommandInput> = {},
): Promise<{ Bucket: string; Key: string; ETag: string; VersionId: string | undefined }> {
  const where = { Bucket: world.plain, Key: world.key(), ...named(input) };
  const { ETag = '', VersionId } = await world.s3.send(
    new PutObjectCommand({ ...input, ...where, Body: body }),
  );
  return { ...where, ETag, VersionId };
}

/** An object's answer and all of its bytes. */
export async function get(
  world: World,
  input: GetObjectCommandInput,
): Promise<Omit<GetObjectCommandOutput, 'Body'> & { bytes: Buffer; text: string }> {
  const { Body, ...answer } = await world.s3.send(new GetObjectCommand(input));
  const bytes = Buffer.from((await Body?.transformToByteArray()) ?? []);
  return { ...answer, bytes, text: bytes.toString() };
}

/** An HTTP date some seconds from a date. */
export function later(date: Date | undefined, seconds: number): Date {
  return new Date((date?.getTime() ?? 0) + seconds * 1000);
}

function named({ Bucket, Key }: Partial<PutObjectCommandInput>): { Bucket?: string; Key?: string } {
  return { ...(Bucket === undefined ? {} : { Bucket }), ...(Key === undefined ? {} : { Key }) };
}

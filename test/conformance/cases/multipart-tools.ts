import {
  CompleteMultipartUploadCommand,
  CreateMultipartUploadCommand,
  UploadPartCommand,
} from '@aws-sdk/client-s3';
import type {
  CompletedPart,
  CreateMultipartUploadCommandInput,
  UploadPartCommandInput,
} from '@aws-sdk/client-s3';
import type { World } from '../world.ts';
import { MIN_PART_BYTES, pattern } from './tools.ts';

/** An upload under way. */
export interface Started {
  readonly Bucket: string;
  readonly Key: string;
  readonly UploadId: string;
}

/** Begins an upload. */
export async function start(
  world: World,
  input: Partial<CreateMultipartUploadCommandInput> = {},
): Promise<Started> {
  const where = { Bucket: input.Bucket ?? world.plain, Key: input.Key ?? world.key() };
  const { UploadId = '' } = await world.s3.send(new CreateMultipartUploadCommand({ ...input, ...where }));
  return { ...where, UploadId };
}

/** Uploads a part. */
export async function part(
  world: World,
  upload: Started,
  PartNumber: number,
  Body: Uint8Array | string,
  input: Partial<UploadPartCommandInput> = {},
): Promise<CompletedPart> {
  const { ETag } = await world.s3.send(new UploadPartCommand({ ...input, ...upload, PartNumber, Body }));
  return { PartNumber, ETag };
}

/** Ends an upload. */
export async function complete(world: World, upload: Started, Parts: CompletedPart[], more: object = {}) {
  return await world.s3.send(
    new CompleteMultipartUploadCommand({ ...upload, ...more, MultipartUpload: { Parts } }),
  );
}

/** An upload of the two smallest parts there can be, not completed. */
export async function twoParts(world: World, input: Partial<CreateMultipartUploadCommandInput> = {}) {
  const upload = await start(world, input);
  const bodies = [pattern(MIN_PART_BYTES, 3), pattern(1000, 5)] as const;
  const parts = [await part(world, upload, 1, bodies[0]), await part(world, upload, 2, bodies[1])];
  return { upload, parts, body: Buffer.concat(bodies), bodies };
}

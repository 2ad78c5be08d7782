import {
  DeleteObjectCommand,
  GetObjectCommand,
  HeadObjectCommand,
  ListObjectVersionsCommand,
  PutBucketVersioningCommand,
} from '@aws-sdk/client-s3';
import { expect } from 'vitest';
import { refusal, refused } from '../expect-error.ts';
import { action, guide } from '../sources.ts';
import { from, suite } from '../suite.ts';
import type { ConformanceCase } from '../suite.ts';
import type { World } from '../world.ts';
import { get, put } from './tools.ts';

const SUSPENDED = guide('AddingObjectstoVersionSuspendedBuckets');
const MARKERS = guide('DeleteMarker');

async function twoVersions(world: World): Promise<{ Bucket: string; Key: string; ids: [string, string] }> {
  const { Bucket, Key, VersionId: first = '' } = await put(world, 'one', { Bucket: world.versioned });
  const { VersionId: second = '' } = await put(world, 'two', { Bucket, Key });
  return { Bucket, Key, ids: [first, second] };
}

async function deleted(
  world: World,
): Promise<{ Bucket: string; Key: string; VersionId: string; marker: string }> {
  const { Bucket, Key, VersionId = '' } = await put(world, 'one', { Bucket: world.versioned });
  const { VersionId: marker = '' } = await world.s3.send(new DeleteObjectCommand({ Bucket, Key }));
  return { Bucket, Key, VersionId, marker };
}

async function setVersioning(world: World, Bucket: string, Status: 'Enabled' | 'Suspended'): Promise<void> {
  const VersioningConfiguration = { Status };
  await world.s3.send(new PutBucketVersioningCommand({ Bucket, VersioningConfiguration }));
}

/** Versions, delete markers, suspended versioning. */
export const versions: readonly ConformanceCase[] = suite('versions', guide('versioning-workflows'), {
  'put.answers-with-an-id': async (world) => {
    const { ids } = await twoVersions(world);
    expect(ids[0]).toBeTruthy();
    expect(ids[0]).not.toBe(ids[1]);
  },
  'put.unversioned-answers-without-id': async (world) => {
    expect((await put(world)).VersionId).toBeUndefined();
  },
  'get.newest': async (world) => {
    const { Bucket, Key, ids } = await twoVersions(world);
    expect(await get(world, { Bucket, Key })).toMatchObject({ text: 'two', VersionId: ids[1] });
  },
  'get.older-by-id': async (world) => {
    const { Bucket, Key, ids } = await twoVersions(world);
    expect(await get(world, { Bucket, Key, VersionId: ids[0] })).toMatchObject({
      text: 'one',
      VersionId: ids[0],
    });
  },
  'get.id-of-a-removed-version-is-404': from(action('GetObject'), async (world) => {
    const { Bucket, Key, ids } = await twoVersions(world);
    await world.s3.send(new DeleteObjectCommand({ Bucket, Key, VersionId: ids[0] }));
    const call = world.s3.send(new GetObjectCommand({ Bucket, Key, VersionId: ids[0] }));
    await refused(call, 404, 'NoSuchVersion');
  }),
  'get.id-of-another-key-is-404': from(action('GetObject'), async (world) => {
    const { Bucket, ids } = await twoVersions(world);
    const { Key } = await put(world, 'x', { Bucket });
    const call = world.s3.send(new GetObjectCommand({ Bucket, Key, VersionId: ids[0] }));
    await refused(call, 404, 'NoSuchVersion');
  }),
  'head.older-by-id': from(action('HeadObject'), async (world) => {
    const { Bucket, Key, ids } = await twoVersions(world);
    const { ContentLength, VersionId } = await world.s3.send(
      new HeadObjectCommand({ Bucket, Key, VersionId: ids[0] }),
    );
    expect({ ContentLength, VersionId }).toEqual({ ContentLength: 3, VersionId: ids[0] });
  }),
  'get.null-in-a-bucket-without-versions': async (world) => {
    const { Bucket, Key } = await put(world, 'plain');
    expect((await get(world, { Bucket, Key, VersionId: 'null' })).text).toBe('plain');
  },
  'delete.makes-a-marker': from(MARKERS, async (world) => {
    const { Bucket, Key } = await twoVersions(world);
    const answer = await world.s3.send(new DeleteObjectCommand({ Bucket, Key }));
    expect(answer).toMatchObject({ DeleteMarker: true, VersionId: expect.any(String) });
  }),
  'delete.hides-the-object': from(MARKERS, async (world) => {
    const { Bucket, Key } = await deleted(world);
    await refused(world.s3.send(new GetObjectCommand({ Bucket, Key })), 404, 'NoSuchKey');
  }),
  'delete.hidden-says-why': from(MARKERS, async (world) => {
    const { Bucket, Key, marker } = await deleted(world);
    const { headers } = await world.ask({ bucket: Bucket, key: Key });
    expect(headers).toMatchObject({ 'x-amz-delete-marker': 'true', 'x-amz-version-id': marker });
  }),
  'delete.keeps-versions-readable': from(MARKERS, async (world) => {
    const { Bucket, Key, VersionId } = await deleted(world);
    expect((await get(world, { Bucket, Key, VersionId })).text).toBe('one');
  }),
  'delete.twice-makes-two-markers': from(MARKERS, async (world) => {
    const { Bucket, Key, marker } = await deleted(world);
    const { VersionId } = await world.s3.send(new DeleteObjectCommand({ Bucket, Key }));
    expect(VersionId).not.toBe(marker);
  }),
  'delete.missing-key-makes-a-marker': from(MARKERS, async (world) => {
    const input = { Bucket: world.versioned, Key: world.key() };
    expect((await world.s3.send(new DeleteObjectCommand(input))).DeleteMarker).toBe(true);
  }),
  'marker.get-by-id-is-405': from(MARKERS, async (world) => {
    const { Bucket, Key, marker } = await deleted(world);
    const reply = await world.ask({ bucket: Bucket, key: Key, query: [['versionId', marker]] });
    refusal(reply, 405, 'MethodNotAllowed');
    expect(reply.headers).toMatchObject({ 'x-amz-delete-marker': 'true', allow: 'DELETE' });
  }),
  'marker.head-by-id-is-405': from(action('HeadObject'), async (world) => {
    const { Bucket, Key, marker } = await deleted(world);
    const query = [['versionId', marker]] as const;
    const reply = await world.ask({ method: 'HEAD', bucket: Bucket, key: Key, query });
    expect({ status: reply.status, text: reply.text }).toEqual({ status: 405, text: '' });
    expect(reply.headers['last-modified']).toBeTruthy();
  }),
  'marker.removed-brings-the-object-back': from(guide('ManagingDelMarkers'), async (world) => {
    const { Bucket, Key, marker } = await deleted(world);
    const answer = await world.s3.send(new DeleteObjectCommand({ Bucket, Key, VersionId: marker }));
    expect(answer).toMatchObject({ DeleteMarker: true, VersionId: marker });
    expect((await get(world, { Bucket, Key })).text).toBe('one');
  }),
  'delete.one-version-uncovers-the-older': from(guide('DeletingObjectVersions'), async (world) => {
    const { Bucket, Key, ids } = await twoVersions(world);
    const answer = await world.s3.send(new DeleteObjectCommand({ Bucket, Key, VersionId: ids[1] }));
    expect(answer.VersionId).toBe(ids[1]);
    expect(answer.DeleteMarker).toBeUndefined();
    expect((await get(world, { Bucket, Key })).text).toBe('one');
  }),
  'delete.a-removed-version-again-is-204': from(action('DeleteObject'), async (world) => {
    const { Bucket, Key, ids } = await twoVersions(world);
    const call = async () => await world.s3.send(new DeleteObjectCommand({ Bucket, Key, VersionId: ids[0] }));
    await call();
    expect((await call()).$metadata.httpStatusCode).toBe(204);
  }),
  'enabled-later.older-object-is-null': from(guide('manage-objects-versioned-bucket'), async (world) => {
    const Bucket = await world.bucket();
    const { Key } = await put(world, 'before', { Bucket });
    await setVersioning(world, Bucket, 'Enabled');
    await put(world, 'after', { Bucket, Key });
    expect((await get(world, { Bucket, Key, VersionId: 'null' })).text).toBe('before');
    expect((await get(world, { Bucket, Key })).text).toBe('after');
  }),
  'suspended.put-writes-null': from(SUSPENDED, async (world) => {
    const Bucket = await world.bucket({ versioning: true });
    const { Key, VersionId = '' } = await put(world, 'kept', { Bucket });
    await setVersioning(world, Bucket, 'Suspended');
    await put(world, 'null one', { Bucket, Key });
    await put(world, 'null two', { Bucket, Key });
    expect(await get(world, { Bucket, Key })).toMatchObject({ text: 'null two', VersionId: 'null' });
    expect((await get(world, { Bucket, Key, VersionId })).text).toBe('kept');
    const { Versions } = await world.s3.send(new ListObjectVersionsCommand({ Bucket }));
    expect(Versions).toHaveLength(2);
  }),
  'suspended.delete-writes-a-null-marker': from(
    guide('DeletingObjectsfromVersioningSuspendedBuckets'),
    async (world) => {
      const Bucket = await world.bucket({ versioning: true });
      const { Key, VersionId } = await put(world, 'kept', { Bucket });
      await setVersioning(world, Bucket, 'Suspended');
      await put(world, 'goes', { Bucket, Key });
      const answer = await world.s3.send(new DeleteObjectCommand({ Bucket, Key }));
      expect(answer).toMatchObject({ DeleteMarker: true, VersionId: 'null' });
      const { Versions, DeleteMarkers } = await world.s3.send(new ListObjectVersionsCommand({ Bucket }));
      expect(Versions?.map((version) => version.VersionId)).toEqual([VersionId]);
      expect(DeleteMarkers?.map((version) => version.VersionId)).toEqual(['null']);
    },
  ),
});

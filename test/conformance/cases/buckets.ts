import {
  CreateBucketCommand,
  DeleteBucketCommand,
  GetBucketLocationCommand,
  GetBucketVersioningCommand,
  HeadBucketCommand,
  ListBucketsCommand,
  PutBucketVersioningCommand,
} from '@aws-sdk/client-s3';
import { expect } from 'vitest';
import { refusal, refused } from '../expect-error.ts';
import { action, guide } from '../sources.ts';
import { from, suite } from '../suite.ts';
import type { ConformanceCase } from '../suite.ts';
import type { World } from '../world.ts';
import { put } from './tools.ts';

const NAMES = guide('bucketnamingrules');
const create = async (world: World, Bucket: string): Promise<unknown> =>
  await world.s3.send(new CreateBucketCommand({ Bucket }));

/** Buckets: names, existence, versioning state. */
export const buckets: readonly ConformanceCase[] = suite('bucket', action('CreateBucket'), {
  'create.answers-200-with-location': async (world) => {
    const bucket = world.bucketName();
    const reply = await world.ask({ method: 'PUT', bucket });
    expect(reply.status).toBe(200);
    expect(reply.headers['location']).toContain(`/${bucket}`);
  },
  'create.owned-already-is-409': async (world) => {
    await refused(create(world, world.plain), 409, 'BucketAlreadyOwnedByYou');
  },
  'create.malformed-body-is-refused': async (world) => {
    refusal(
      await world.ask({ method: 'PUT', bucket: world.bucketName(), body: '<not xml' }),
      400,
      'MalformedXML',
    );
  },
  'create.name-with-upper-case': from(NAMES, async (world) => {
    refusal(await world.ask({ method: 'PUT', bucket: 'Upper-Case-Name' }), 400, 'InvalidBucketName');
  }),
  'create.name-of-two-characters': from(NAMES, async (world) => {
    refusal(await world.ask({ method: 'PUT', bucket: 'ab' }), 400, 'InvalidBucketName');
  }),
  'create.name-of-64-characters': from(NAMES, async (world) => {
    refusal(await world.ask({ method: 'PUT', bucket: 'a'.repeat(64) }), 400, 'InvalidBucketName');
  }),
  'create.name-with-underscore': from(NAMES, async (world) => {
    refusal(await world.ask({ method: 'PUT', bucket: 'under_score' }), 400, 'InvalidBucketName');
  }),
  'create.name-like-an-address': from(NAMES, async (world) => {
    refusal(await world.ask({ method: 'PUT', bucket: '192.168.5.4' }), 400, 'InvalidBucketName');
  }),
  'create.name-with-adjacent-periods': from(NAMES, async (world) => {
    refusal(await world.ask({ method: 'PUT', bucket: 'two..periods' }), 400, 'InvalidBucketName');
  }),
  'head.exists': from(action('HeadBucket'), async (world) => {
    const { $metadata } = await world.s3.send(new HeadBucketCommand({ Bucket: world.plain }));
    expect($metadata.httpStatusCode).toBe(200);
  }),
  'head.names-the-region': from(action('HeadBucket'), async (world) => {
    const reply = await world.ask({ method: 'HEAD', bucket: world.plain });
    expect(reply.headers['x-amz-bucket-region']).toBe(world.target.region);
  }),
  'head.missing-is-404-without-body': from(action('HeadBucket'), async (world) => {
    const reply = await world.ask({ method: 'HEAD', bucket: world.bucketName() });
    expect(reply).toMatchObject({ status: 404, text: '' });
  }),
  'delete.empty': from(action('DeleteBucket'), async (world) => {
    const bucket = await world.bucket();
    expect((await world.ask({ method: 'DELETE', bucket })).status).toBe(204);
    await refused(world.s3.send(new HeadBucketCommand({ Bucket: bucket })), 404);
  }),
  'delete.not-empty-is-409': from(action('DeleteBucket'), async (world) => {
    const Bucket = await world.bucket();
    await put(world, 'x', { Bucket });
    await refused(world.s3.send(new DeleteBucketCommand({ Bucket })), 409, 'BucketNotEmpty');
  }),
  'delete.with-old-versions-is-409': from(guide('delete-bucket'), async (world) => {
    const Bucket = await world.bucket({ versioning: true });
    const { Key } = await put(world, 'x', { Bucket });
    await world.ask({ method: 'DELETE', bucket: Bucket, key: Key });
    await refused(world.s3.send(new DeleteBucketCommand({ Bucket })), 409, 'BucketNotEmpty');
  }),
  'delete.missing-is-404': from(action('DeleteBucket'), async (world) => {
    const Bucket = world.bucketName();
    await refused(world.s3.send(new DeleteBucketCommand({ Bucket })), 404, 'NoSuchBucket');
  }),
  'list.has-every-bucket-and-owner': from(action('ListBuckets'), async (world) => {
    const { Buckets = [], Owner } = await world.s3.send(new ListBucketsCommand({}));
    const names = Buckets.map(({ Name }) => Name);
    expect(names).toEqual(expect.arrayContaining([world.plain, world.versioned]));
    expect(Buckets.every(({ CreationDate }) => CreationDate instanceof Date)).toBe(true);
    expect(Owner?.ID).toBeTruthy();
  }),
  'location.is-the-region': from(action('GetBucketLocation'), async (world) => {
    const { LocationConstraint } = await world.s3.send(new GetBucketLocationCommand({ Bucket: world.plain }));
    expect(LocationConstraint ?? 'us-east-1').toBe(world.target.region);
  }),
  'location.missing-is-404': from(action('GetBucketLocation'), async (world) => {
    const call = world.s3.send(new GetBucketLocationCommand({ Bucket: world.bucketName() }));
    await refused(call, 404, 'NoSuchBucket');
  }),
  'versioning.never-set-has-no-status': from(action('GetBucketVersioning'), async (world) => {
    const { Status } = await world.s3.send(new GetBucketVersioningCommand({ Bucket: world.plain }));
    expect(Status).toBeUndefined();
  }),
  'versioning.enabled': from(action('GetBucketVersioning'), async (world) => {
    const { Status } = await world.s3.send(new GetBucketVersioningCommand({ Bucket: world.versioned }));
    expect(Status).toBe('Enabled');
  }),
  'versioning.suspended': from(action('PutBucketVersioning'), async (world) => {
    const Bucket = await world.bucket({ versioning: true });
    const VersioningConfiguration = { Status: 'Suspended' } as const;
    await world.s3.send(new PutBucketVersioningCommand({ Bucket, VersioningConfiguration }));
    const { Status } = await world.s3.send(new GetBucketVersioningCommand({ Bucket }));
    expect(Status).toBe('Suspended');
  }),
  'versioning.malformed-body': from(action('PutBucketVersioning'), async (world) => {
    const body = '<VersioningConfiguration><Status>Enabled</VersioningConfiguration>';
    const query = [['versioning', '']] as const;
    refusal(await world.ask({ method: 'PUT', bucket: world.plain, query, body }), 400, 'MalformedXML');
  }),
  'versioning.without-status': from(action('PutBucketVersioning'), async (world) => {
    const body = '<VersioningConfiguration xmlns="http://s3.amazonaws.com/doc/2006-03-01/"/>';
    const query = [['versioning', '']] as const;
    const reply = await world.ask({ method: 'PUT', bucket: world.plain, query, body });
    refusal(reply, 400, 'IllegalVersioningConfigurationException');
  }),
  'missing.every-read-is-404': from(action('ListObjectsV2'), async (world) => {
    const reply = await world.ask({ bucket: world.bucketName(), query: [['list-type', '2']] });
    refusal(reply, 404, 'NoSuchBucket');
  }),
});

import {
  AbortMultipartUploadCommand,
  CompleteMultipartUploadCommand,
  CopyObjectCommand,
  CreateBucketCommand,
  CreateMultipartUploadCommand,
  DeleteBucketCommand,
  DeleteBucketCorsCommand,
  DeleteBucketLifecycleCommand,
  DeleteBucketPolicyCommand,
  DeleteObjectCommand,
  DeleteObjectTaggingCommand,
  DeleteObjectsCommand,
  GetBucketCorsCommand,
  GetBucketLifecycleConfigurationCommand,
  GetBucketLocationCommand,
  GetBucketPolicyStatusCommand,
  GetBucketVersioningCommand,
  GetObjectAttributesCommand,
  GetObjectCommand,
  GetObjectTaggingCommand,
  HeadBucketCommand,
  HeadObjectCommand,
  ListBucketsCommand,
  ListMultipartUploadsCommand,
  ListObjectVersionsCommand,
  ListObjectsCommand,
  ListObjectsV2Command,
  ListPartsCommand,
  PutBucketCorsCommand,
  PutBucketLifecycleConfigurationCommand,
  PutBucketPolicyCommand,
  PutBucketVersioningCommand,
  PutObjectCommand,
  PutObjectTaggingCommand,
  UploadPartCommand,
  UploadPartCopyCommand,
} from '@aws-sdk/client-s3';
import { createPresignedPost } from '@aws-sdk/s3-presigned-post';
import { getSignedUrl } from '@aws-sdk/s3-request-presigner';
import { runSimulation } from '@cloud-copilot/iam-simulate';
import { afterAll, beforeAll, beforeEach, expect, it, vi } from 'vitest';
import type * as Policy from '../../../../local/policy.ts';
import type { PolicyRequest } from '../../../../local/policy.ts';
import { credentials, startS3 } from './s3-server.ts';
import type { S3Server } from './s3-server.ts';

// The evaluator as it is, but for a record of what it is asked
const asked = vi.hoisted(() => [] as PolicyRequest[]);
vi.mock('../../../../local/policy.ts', async (original) => {
  const real = await original<typeof Policy>();
  return {
    ...real,
    evaluate: (request: PolicyRequest) => {
      asked.push(request);
      return real.evaluate(request);
    },
  };
});

const everything = { Version: '2012-10-17', Statement: { Effect: 'Allow', Action: '*', Resource: '*' } };
let s3: S3Server;
beforeAll(async () => {
  s3 = await startS3({ identities: [{ ...credentials, tags: { team: 'red' }, policies: [everything] }] });
  await s3.service.createBucket('bucket', { versioning: true });
});
beforeEach(() => void asked.splice(0));
afterAll(async () => await s3[Symbol.asyncDispose]());

/** Every request that was made names an action that exists, and only condition keys that AWS has for it. */
async function checkAsked(): Promise<string[]> {
  const actions: string[] = [];
  for (const { action, resource, context, principal } of asked.splice(0)) {
    actions.push(action.replace(/^s3:/, ''));
    const given = Object.entries(context).filter((entry) => entry[1] !== undefined);
    const result = await runSimulation(
      {
        request: {
          principal: principal.type === 'AWS' ? principal.arn : { type: 'Anonymous' },
          action,
          resource: {
            resource: action === 's3:ListAllMyBuckets' ? '*' : resource,
            accountId: '000000000000',
          },
          contextVariables: Object.fromEntries(given) as Record<string, string>,
        },
        identityPolicies: [{ name: 'p', policy: everything }],
        serviceControlPolicies: [],
        resourceControlPolicies: [],
      },
      {},
    );
    expect(result, action).toMatchObject({
      resultType: 'single',
      overallResult: 'Allowed',
      result: { ignoredContextKeys: [] },
    });
  }
  return actions;
}

it('asks for the actions, resources and condition keys of the Service Authorization Reference', async () => {
  const client = s3.client();
  const B = { Bucket: 'bucket' };
  const K = { ...B, Key: 'dir/k' };
  const check = async (expected: string[], work: () => Promise<unknown>): Promise<void> => {
    await work();
    expect(await checkAsked()).toEqual(expected);
  };
  const send = (command: any) => async () => await client.send(command);

  await check(['ListAllMyBuckets'], send(new ListBucketsCommand({})));
  await check(['CreateBucket'], send(new CreateBucketCommand({ Bucket: 'other' })));
  await check(['DeleteBucket'], send(new DeleteBucketCommand({ Bucket: 'other' })));
  await check(['ListBucket'], send(new HeadBucketCommand(B)));
  await check(['GetBucketLocation'], send(new GetBucketLocationCommand(B)));
  await check(['GetBucketVersioning'], send(new GetBucketVersioningCommand(B)));
  await check(
    ['PutBucketVersioning'],
    send(new PutBucketVersioningCommand({ ...B, VersioningConfiguration: { Status: 'Enabled' } })),
  );
  const rule = { AllowedMethods: ['GET'], AllowedOrigins: ['*'] };
  await check(
    ['PutBucketCORS'],
    send(new PutBucketCorsCommand({ ...B, CORSConfiguration: { CORSRules: [rule] } })),
  );
  await check(['GetBucketCORS'], send(new GetBucketCorsCommand(B)));
  await check(['PutBucketCORS'], send(new DeleteBucketCorsCommand(B)));
  const Rules = [{ Status: 'Enabled' as const, Filter: { Prefix: 'x' }, Expiration: { Days: 1 } }];
  await check(
    ['PutLifecycleConfiguration'],
    send(new PutBucketLifecycleConfigurationCommand({ ...B, LifecycleConfiguration: { Rules } })),
  );
  await check(['GetLifecycleConfiguration'], send(new GetBucketLifecycleConfigurationCommand(B)));
  await check(['PutLifecycleConfiguration'], send(new DeleteBucketLifecycleCommand(B)));
  const open = {
    ...everything,
    Statement: {
      ...everything.Statement,
      Principal: '*',
      Resource: ['arn:aws:s3:::bucket', 'arn:aws:s3:::bucket/*'],
      Action: 's3:*',
    },
  };
  await check(['PutBucketPolicy'], send(new PutBucketPolicyCommand({ ...B, Policy: JSON.stringify(open) })));
  await check(['GetBucketPolicyStatus'], send(new GetBucketPolicyStatusCommand(B)));
  await check(['DeleteBucketPolicy'], send(new DeleteBucketPolicyCommand(B)));

  await check(
    ['PutObject'],
    send(new PutObjectCommand({ ...K, Body: 'x', IfNoneMatch: '*', ServerSideEncryption: 'AES256' })),
  );
  await check(
    ['PutObject', 'PutObjectTagging'],
    send(new PutObjectCommand({ ...K, Body: 'x', Tagging: 'team=red&x=1' })),
  );
  const { VersionId } = await client.send(new HeadObjectCommand(K));
  await checkAsked();
  const V = { ...K, VersionId };
  await check(['GetObject'], send(new GetObjectCommand(K)));
  expect(asked).toEqual([]);
  await check(['GetObjectVersion'], send(new GetObjectCommand(V)));
  await check(['GetObjectVersion'], send(new HeadObjectCommand(V)));
  await check(['GetObjectTagging'], send(new GetObjectTaggingCommand(K)));
  await check(['GetObjectVersionTagging'], send(new GetObjectTaggingCommand(V)));
  const Tagging = { TagSet: [{ Key: 'team', Value: 'blue' }] };
  await check(['PutObjectTagging'], send(new PutObjectTaggingCommand({ ...K, Tagging })));
  await check(['PutObjectVersionTagging'], send(new PutObjectTaggingCommand({ ...V, Tagging })));
  await check(['DeleteObjectVersionTagging'], send(new DeleteObjectTaggingCommand(V)));
  await check(['DeleteObjectTagging'], send(new DeleteObjectTaggingCommand(K)));
  await check(
    ['GetObject', 'GetObjectAttributes'],
    send(new GetObjectAttributesCommand({ ...K, ObjectAttributes: ['ETag'] })),
  );
  await check(
    ['GetObjectVersion', 'GetObjectVersionAttributes'],
    send(new GetObjectAttributesCommand({ ...V, ObjectAttributes: ['ETag'] })),
  );
  await check(
    ['GetObject', 'PutObject'],
    send(
      new CopyObjectCommand({ ...K, Key: 'copy', CopySource: 'bucket/dir/k', MetadataDirective: 'REPLACE' }),
    ),
  );
  await check(
    ['GetObjectVersion', 'PutObject'],
    send(new CopyObjectCommand({ ...K, Key: 'copy', CopySource: `bucket/dir/k?versionId=${VersionId}` })),
  );
  await check(
    ['ListBucket'],
    send(new ListObjectsV2Command({ ...B, Prefix: 'dir/', Delimiter: '/', MaxKeys: 5 })),
  );
  await check(['ListBucket'], send(new ListObjectsCommand(B)));
  await check(['ListBucketVersions'], send(new ListObjectVersionsCommand({ ...B, Prefix: 'dir/' })));

  const { UploadId } = await client.send(new CreateMultipartUploadCommand(K));
  expect(await checkAsked()).toEqual(['PutObject']);
  const U = { ...K, UploadId };
  const { ETag } = await client.send(new UploadPartCommand({ ...U, PartNumber: 1, Body: 'x' }));
  expect(await checkAsked()).toEqual(['PutObject']);
  await check(
    ['GetObject', 'PutObject'],
    send(new UploadPartCopyCommand({ ...U, PartNumber: 2, CopySource: 'bucket/dir/k' })),
  );
  await check(['ListMultipartUploadParts'], send(new ListPartsCommand(U)));
  await check(['ListBucketMultipartUploads'], send(new ListMultipartUploadsCommand(B)));
  const MultipartUpload = { Parts: [{ PartNumber: 1, ETag }] };
  await check(['PutObject'], send(new CompleteMultipartUploadCommand({ ...U, MultipartUpload })));
  const second = await client.send(new CreateMultipartUploadCommand({ ...K, Tagging: 'a=b' }));
  expect(await checkAsked()).toEqual(['PutObject', 'PutObjectTagging']);
  await check(
    ['AbortMultipartUpload'],
    send(new AbortMultipartUploadCommand({ ...K, UploadId: second.UploadId })),
  );

  await client.send(new PutObjectTaggingCommand({ ...K, Tagging }));
  await checkAsked();
  const copy = { ...K, Key: 'copy', CopySource: 'bucket/dir/k' };
  const alongWithTags = ['GetObject', 'GetObjectTagging', 'PutObject', 'PutObjectTagging'];
  await check(alongWithTags, send(new CopyObjectCommand(copy)));
  const replacing = new CopyObjectCommand({ ...copy, TaggingDirective: 'REPLACE' });
  await check(['GetObject', 'PutObject'], send(replacing));

  await check(['DeleteObjectVersion'], send(new DeleteObjectCommand(V)));
  await check(['DeleteObject'], send(new DeleteObjectCommand({ ...K, IfMatch: '*' })));
  const Objects = [{ Key: 'copy' }, { Key: 'copy', VersionId: 'x' }];
  await check(
    ['DeleteObject', 'DeleteObjectVersion'],
    send(new DeleteObjectsCommand({ ...B, Delete: { Objects } })),
  );

  await check(['PutObject'], async () => {
    await fetch(await getSignedUrl(client, new PutObjectCommand(K)), { method: 'PUT', body: 'x' });
    expect(asked[0]!.context).toMatchObject({
      's3:authType': 'REST-QUERY-STRING',
      's3:x-amz-content-sha256': 'UNSIGNED-PAYLOAD',
    });
  });
  await check(['PutObject'], async () => {
    const { url, fields } = await createPresignedPost(client, K);
    const form = new FormData();
    for (const [name, value] of Object.entries(fields)) form.set(name, value);
    form.set('file', new Blob(['x']));
    await fetch(url, { method: 'POST', body: form });
    expect(asked[0]!.context).toMatchObject({ 's3:authType': 'POST', 's3:ObjectCreationOperation': 'true' });
  });
});

it('knows the signature, the caller and the connection', async () => {
  s3.clock.shiftMs = 5_000;
  await s3.client().send(new HeadBucketCommand({ Bucket: 'bucket' }));
  const { context, principal } = asked[0]!;
  expect(principal).toEqual({ type: 'AWS', arn: 'arn:aws:iam::000000000000:user/AKIDLOCAL' });
  expect(context).toMatchObject({
    'aws:PrincipalArn': 'arn:aws:iam::000000000000:user/AKIDLOCAL',
    'aws:PrincipalAccount': '000000000000',
    'aws:PrincipalTag/team': 'red',
    'aws:PrincipalType': 'User',
    'aws:username': 'AKIDLOCAL',
    'aws:userid': 'AKIDLOCAL',
    'aws:SourceIp': '127.0.0.1',
    'aws:SecureTransport': 'true',
    's3:TlsVersion': '1.3',
    's3:authType': 'REST-HEADER',
    's3:signatureversion': 'AWS4-HMAC-SHA256',
  });
  const age = Number(context['s3:signatureAge']);
  expect(age).toBeGreaterThanOrEqual(5_000);
  expect(age).toBeLessThan(65_000);
});

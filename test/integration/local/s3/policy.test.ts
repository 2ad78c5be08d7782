import {
  CopyObjectCommand,
  CreateMultipartUploadCommand,
  DeleteBucketPolicyCommand,
  DeleteObjectCommand,
  DeleteObjectsCommand,
  GetBucketPolicyCommand,
  GetBucketPolicyStatusCommand,
  GetObjectCommand,
  GetObjectTaggingCommand,
  HeadObjectCommand,
  ListObjectsV2Command,
  PutBucketPolicyCommand,
  PutObjectCommand,
  PutObjectTaggingCommand,
  UploadPartCommand,
} from '@aws-sdk/client-s3';
import type { S3Client } from '@aws-sdk/client-s3';
import { createPresignedPost } from '@aws-sdk/s3-presigned-post';
import { getSignedUrl } from '@aws-sdk/s3-request-presigner';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { credentials, errorCode, startS3 } from './s3-server.ts';
import type { S3Server } from './s3-server.ts';

const OBJECTS = 'arn:aws:s3:::inbox/*';
const BUCKET = 'arn:aws:s3:::inbox';
const policy = (...statements: object[]) => ({ Version: '2012-10-17', Statement: statements });
const allow = (Action: string | string[], Resource: string | string[] = OBJECTS, more: object = {}) => ({
  Effect: 'Allow',
  Action,
  Resource,
  ...more,
});
const deny = (Action: string | string[], Condition: object, Sid = 'No') => ({
  Sid,
  Effect: 'Deny',
  Principal: '*',
  Action,
  Resource: OBJECTS,
  Condition,
});

const who = (name: string, ...statements: object[]) => ({
  accessKeyId: `AKID${name.toUpperCase()}`,
  secretAccessKey: `secret-of-${name}`,
  name,
  policies: statements.length === 0 ? [] : [policy(...statements)],
});
const nobody = who('nobody');
const reader = who('reader', allow('s3:GetObject'));
const lister = who('lister', allow('s3:GetObject'), allow('s3:ListBucket', BUCKET));
const versions = who('versions', allow('s3:GetObjectVersion'));
const writer = who('writer', allow('s3:PutObject'));
const partner = {
  accessKeyId: 'AKIDPARTNER',
  secretAccessKey: 'secret-of-partner',
  arn: 'arn:aws:iam::111122223333:user/partner',
};
const team = {
  ...who('team', allow('s3:PutObject', 'arn:aws:s3:::inbox/${aws:PrincipalTag/team}/${aws:username}/*')),
  tags: { team: 'red' },
};

let s3: S3Server;
let owner: S3Client;
beforeEach(async () => {
  const identities = [credentials, nobody, reader, lister, versions, writer, partner, team];
  s3 = await startS3({ identities });
  await s3.service.createBucket('inbox', { versioning: true });
  await s3.service.createBucket('outbox', { versioning: true });
  owner = s3.client();
});
afterEach(async () => await s3[Symbol.asyncDispose]());

const as = (identity: { accessKeyId: string; secretAccessKey: string }) => {
  const { accessKeyId, secretAccessKey } = identity;
  return s3.client({ credentials: { accessKeyId, secretAccessKey } });
};
const put = async (Key: string, more: object = {}) =>
  await owner.send(new PutObjectCommand({ Bucket: 'inbox', Key, Body: 'hello', ...more }));
const setPolicy = async (...statements: object[]) =>
  await owner.send(
    new PutBucketPolicyCommand({ Bucket: 'inbox', Policy: JSON.stringify(policy(...statements)) }),
  );
const refusal = { name: 'AccessDenied', $metadata: { httpStatusCode: 403 } };
const at = (Key: string) => ({ Bucket: 'inbox', Key });

describe('identities with policies', () => {
  it('are allowed what their policies say, and told why not', async () => {
    await put('a');
    await as(reader).send(new GetObjectCommand(at('a')));
    await expect(as(nobody).send(new GetObjectCommand(at('a')))).rejects.toMatchObject({
      ...refusal,
      message:
        'User: arn:aws:iam::000000000000:user/nobody is not authorized to perform: s3:GetObject on resource: "arn:aws:s3:::inbox/a" because no identity-based policy allows the s3:GetObject action',
    });
    await expect(as(reader).send(new PutObjectCommand({ ...at('b'), Body: 'x' }))).rejects.toMatchObject(
      refusal,
    );
    await expect(as(reader).send(new ListObjectsV2Command({ Bucket: 'inbox' }))).rejects.toMatchObject(
      refusal,
    );
    await expect(as(nobody).send(new GetObjectCommand({ Bucket: 'none', Key: 'a' }))).rejects.toMatchObject({
      name: 'NoSuchBucket',
    });
  });

  it('need GetObjectVersion, and nothing else, for a read that names a version', async () => {
    const { VersionId } = await put('a');
    await as(versions).send(new GetObjectCommand({ ...at('a'), VersionId }));
    await as(versions).send(new HeadObjectCommand({ ...at('a'), VersionId }));
    await expect(as(versions).send(new GetObjectCommand(at('a')))).rejects.toMatchObject(refusal);
    await expect(as(reader).send(new GetObjectCommand({ ...at('a'), VersionId }))).rejects.toMatchObject(
      refusal,
    );
  });

  it('learn that an object is missing only if they may list', async () => {
    await expect(as(lister).send(new GetObjectCommand(at('none')))).rejects.toMatchObject({
      name: 'NoSuchKey',
    });
    await expect(as(reader).send(new GetObjectCommand(at('none')))).rejects.toMatchObject({
      ...refusal,
      message: expect.stringContaining(
        'is not authorized to perform: s3:ListBucket on resource: "arn:aws:s3:::inbox"',
      ),
    });
    const head = as(reader).send(new HeadObjectCommand(at('none')));
    await expect(head).rejects.toMatchObject({ $metadata: { httpStatusCode: 403 } });
  });

  it('write under their own prefix by policy variables', async () => {
    await as(team).send(new PutObjectCommand({ ...at('red/team/x'), Body: 'x' }));
    await expect(
      as(team).send(new PutObjectCommand({ ...at('blue/team/x'), Body: 'x' })),
    ).rejects.toMatchObject(refusal);
  });

  it('need PutObjectTagging to write tags along', async () => {
    const tagged = new PutObjectCommand({ ...at('a'), Body: 'x', Tagging: 'team=red' });
    await expect(as(writer).send(tagged)).rejects.toMatchObject({
      ...refusal,
      message: expect.stringContaining('s3:PutObjectTagging'),
    });
    await setPolicy(
      allow('s3:PutObjectTagging', OBJECTS, {
        Principal: '*',
        Condition: { 'ForAllValues:StringEquals': { 's3:RequestObjectTagKeys': ['team'] } },
      }),
    );
    await as(writer).send(tagged);
    const set = (Key: string) => ({ ...at('a'), Tagging: { TagSet: [{ Key, Value: '1' }] } });
    await as(nobody).send(new PutObjectTaggingCommand(set('team')));
    await expect(as(nobody).send(new PutObjectTaggingCommand(set('other')))).rejects.toMatchObject(refusal);
  });

  it('need both sides of a copy', async () => {
    await put('a');
    const copy = new CopyObjectCommand({ ...at('b'), CopySource: 'inbox/a' });
    await expect(as(writer).send(copy)).rejects.toMatchObject({
      message: expect.stringContaining('s3:GetObject '),
    });
    await expect(as(reader).send(copy)).rejects.toMatchObject({
      message: expect.stringContaining('s3:PutObject '),
    });
    await setPolicy(
      allow('s3:GetObject', OBJECTS, { Principal: { AWS: 'arn:aws:iam::000000000000:user/writer' } }),
    );
    await as(writer).send(copy);
  });

  it('delete by key what they may, in one request', async () => {
    await put('a');
    const { VersionId } = await put('b');
    await setPolicy(allow('s3:DeleteObject', `${BUCKET}/a`, { Principal: '*' }));
    const Objects = [{ Key: 'a' }, { Key: 'b' }, { Key: 'a', VersionId }];
    const answer = await as(nobody).send(new DeleteObjectsCommand({ Bucket: 'inbox', Delete: { Objects } }));
    expect(answer.Deleted?.map(({ Key }) => Key)).toEqual(['a']);
    expect(answer.Errors?.map(({ Key, Code }) => [Key, Code])).toEqual([
      ['b', 'AccessDenied'],
      ['a', 'AccessDenied'],
    ]);
  });

  it('sign URLs and forms with their own rights', async () => {
    await put('a');
    const good = await getSignedUrl(as(reader), new GetObjectCommand(at('a')));
    expect((await fetch(good)).status).toBe(200);
    const bad = await fetch(await getSignedUrl(as(writer), new GetObjectCommand(at('a'))));
    expect([bad.status, errorCode(await bad.text())]).toEqual([403, 'AccessDenied']);
    const post = async (client: S3Client) => {
      const { url, fields } = await createPresignedPost(client, at('form'));
      const form = new FormData();
      for (const [name, value] of Object.entries(fields)) form.set(name, value);
      form.set('file', new Blob(['x']));
      return (await fetch(url, { method: 'POST', body: form })).status;
    };
    expect([await post(as(writer)), await post(as(reader))]).toEqual([204, 403]);
  });

  it('of another account need the bucket to agree, and are not told why', async () => {
    await put('a');
    await expect(as(partner).send(new GetObjectCommand(at('a')))).rejects.toMatchObject({
      ...refusal,
      message: 'Access Denied',
    });
    await setPolicy(allow('s3:GetObject', OBJECTS, { Principal: { AWS: '111122223333' } }));
    await as(partner).send(new GetObjectCommand(at('a')));
  });

  it('fail to start a service if they are malformed', async () => {
    const start = async (identity: object) =>
      await startS3({ identities: [{ ...nobody, ...identity }] }).then(
        async (server) => await server[Symbol.asyncDispose](),
      );
    await expect(start({ policies: [{ Statement: [] }] })).rejects.toThrow(
      'identities.policies: Missing required field Statement',
    );
    await expect(start({ arn: 'arn:aws:s3:::x' })).rejects.toThrow(/^identities\.arn: got "arn:aws:s3:::x"/);
    await expect(start({ name: 'two words' })).rejects.toThrow(/^identities\.name: got "two words"/);
  });
});

describe('bucket policies', () => {
  it('are kept as they came, over a restart, until they are deleted', async () => {
    const missing = { name: 'NoSuchBucketPolicy', $metadata: { httpStatusCode: 404 } };
    await expect(owner.send(new GetBucketPolicyCommand({ Bucket: 'inbox' }))).rejects.toMatchObject(missing);
    await setPolicy(allow('s3:GetObject', OBJECTS, { Principal: '*' }));
    await put('a');
    const { Policy } = await owner.send(new GetBucketPolicyCommand({ Bucket: 'inbox' }));
    expect(JSON.parse(Policy!)).toEqual(policy(allow('s3:GetObject', OBJECTS, { Principal: '*' })));
    await s3.stop();
    const again = await startS3({ dir: s3.dir, identities: [credentials, nobody] });
    try {
      const { accessKeyId, secretAccessKey } = nobody;
      await again
        .client({ credentials: { accessKeyId, secretAccessKey } })
        .send(new GetObjectCommand(at('a')));
      await again.client().send(new DeleteBucketPolicyCommand({ Bucket: 'inbox' }));
      await again.client().send(new DeleteBucketPolicyCommand({ Bucket: 'inbox' }));
      await expect(
        again.client().send(new GetBucketPolicyCommand({ Bucket: 'inbox' })),
      ).rejects.toMatchObject(missing);
      expect((await fetch(`${again.endpoint}/inbox/a`)).status).toBe(403);
    } finally {
      await again.stop();
    }
  });

  it.each([
    ['no JSON', '{', "Policies must be valid JSON and the first byte must be '{'"],
    [
      'another bucket',
      JSON.stringify(policy(allow('s3:*', 'arn:aws:s3:::other/*', { Principal: '*' }))),
      'Policy has invalid resource',
    ],
    [
      'another service',
      JSON.stringify(policy(allow('sqs:*', OBJECTS, { Principal: '*' }))),
      'Policy has invalid action',
    ],
    [
      'an action that does not fit',
      JSON.stringify(policy(allow('s3:GetObject', BUCKET, { Principal: '*' }))),
      'Action does not apply to any resource(s) in statement',
    ],
    ['nobody named', JSON.stringify(policy(allow('s3:GetObject'))), 'Missing required field Principal'],
  ])('fail with MalformedPolicy for %s', async (_title, Policy, message) => {
    const answer = owner.send(new PutBucketPolicyCommand({ Bucket: 'inbox', Policy }));
    await expect(answer).rejects.toMatchObject({
      name: 'MalformedPolicy',
      message,
      $metadata: { httpStatusCode: 400 },
    });
  });

  it('let everybody in without a signature, if they say so', async () => {
    await put('public/a');
    await put('private/a');
    await setPolicy(allow(['s3:GetObject', 's3:PutObject'], `${BUCKET}/public/*`, { Principal: '*' }));
    const get = await fetch(`${s3.endpoint}/inbox/public/a`);
    expect([get.status, await get.text()]).toEqual([200, 'hello']);
    expect((await fetch(`${s3.endpoint}/inbox/public/b`, { method: 'PUT', body: 'new' })).status).toBe(200);
    const hash = { 'x-amz-content-sha256': '0'.repeat(64) };
    const wrong = await fetch(`${s3.endpoint}/inbox/public/b`, { method: 'PUT', body: 'new', headers: hash });
    expect(errorCode(await wrong.text())).toBe('XAmzContentSHA256Mismatch');
    for (const path of ['private/a', 'public/none']) {
      const answer = await fetch(`${s3.endpoint}/inbox/${path}`);
      expect([answer.status, errorCode(await answer.text())]).toEqual([403, 'AccessDenied']);
    }
    const form = new FormData();
    form.set('key', 'public/${filename}');
    form.set('file', new Blob(['x']), 'form');
    expect((await fetch(`${s3.endpoint}/inbox`, { method: 'POST', body: form })).status).toBe(204);
    form.set('key', 'private/form');
    expect((await fetch(`${s3.endpoint}/inbox`, { method: 'POST', body: form })).status).toBe(403);
    const status = await owner.send(new GetBucketPolicyStatusCommand({ Bucket: 'inbox' }));
    expect(status.PolicyStatus?.IsPublic).toBe(true);
    await setPolicy(
      allow('s3:GetObject', OBJECTS, {
        Principal: '*',
        Condition: { IpAddress: { 'aws:SourceIp': '127.0.0.1' } },
      }),
    );
    const narrowed = await owner.send(new GetBucketPolicyStatusCommand({ Bucket: 'inbox' }));
    expect(narrowed.PolicyStatus?.IsPublic).toBe(false);
    expect((await fetch(`${s3.endpoint}/inbox/private/a`)).status).toBe(200);
  });

  it('shorten the life of URLs by s3:signatureAge, and leave header signatures alone', async () => {
    const { VersionId } = await put('a');
    const old = {
      NumericGreaterThan: { 's3:signatureAge': '900000' },
      StringEquals: { 's3:authType': 'REST-QUERY-STRING' },
    };
    await setPolicy(deny(['s3:GetObject', 's3:GetObjectVersion'], old, 'UrlsLiveFifteenMinutes'));
    const urls = [at('a'), { ...at('a'), VersionId }].map(
      async (input) => await getSignedUrl(owner, new GetObjectCommand(input), { expiresIn: 3600 }),
    );
    const statuses = async () => await Promise.all(urls.map(async (url) => (await fetch(await url)).status));
    expect(await statuses()).toEqual([200, 200]);
    s3.clock.shiftMs = 840_000; // the machine's clock goes on: a minute for a slow one
    expect(await statuses()).toEqual([200, 200]);
    s3.clock.shiftMs = 902_000;
    expect(await statuses()).toEqual([403, 403]);
    const body = await (await fetch(await urls[0]!)).text();
    expect(body).toContain('with an explicit deny in a resource-based policy');
    await s3.client({ systemClockOffset: 902_000 }).send(new GetObjectCommand(at('a')));
  });

  it('demand conditional writes, but not of parts', async () => {
    await setPolicy(
      deny('s3:PutObject', {
        Null: { 's3:if-none-match': 'true' },
        Bool: { 's3:ObjectCreationOperation': 'true' },
      }),
    );
    await expect(put('a')).rejects.toMatchObject(refusal);
    await put('a', { IfNoneMatch: '*' });
    const { UploadId } = await owner.send(new CreateMultipartUploadCommand(at('big')));
    await owner.send(new UploadPartCommand({ ...at('big'), UploadId, PartNumber: 1, Body: 'x' }));
    await expect(
      owner.send(new CopyObjectCommand({ ...at('b'), CopySource: 'inbox/a' })),
    ).rejects.toMatchObject(refusal);
  });

  it('shut off objects by their tags', async () => {
    const { VersionId } = await put('a', { Tagging: 'waybill-revoked=true' });
    await put('b');
    await setPolicy(
      deny(['s3:GetObject', 's3:GetObjectVersion'], {
        StringEquals: { 's3:ExistingObjectTag/waybill-revoked': 'true' },
      }),
    );
    await owner.send(new GetObjectCommand(at('b')));
    await expect(owner.send(new GetObjectCommand(at('a')))).rejects.toMatchObject(refusal);
    await expect(owner.send(new GetObjectCommand({ ...at('a'), VersionId }))).rejects.toMatchObject(refusal);
    await expect(
      owner.send(new CopyObjectCommand({ ...at('c'), CopySource: 'inbox/a' })),
    ).rejects.toMatchObject(refusal);
    await owner.send(new GetObjectTaggingCommand(at('a')));
    await owner.send(new DeleteObjectCommand(at('a')));
  });

  it('restrict listings by prefix', async () => {
    await setPolicy({
      ...allow('s3:ListBucket', BUCKET, { Principal: '*' }),
      Condition: { StringLike: { 's3:prefix': 'public/*' } },
    });
    await as(nobody).send(new ListObjectsV2Command({ Bucket: 'inbox', Prefix: 'public/x' }));
    await expect(as(nobody).send(new ListObjectsV2Command({ Bucket: 'inbox' }))).rejects.toMatchObject(
      refusal,
    );
  });

  it('cannot lock the owner out of the policy itself', async () => {
    await setPolicy({ Effect: 'Deny', Principal: '*', Action: 's3:*', Resource: [BUCKET, OBJECTS] });
    await expect(owner.send(new ListObjectsV2Command({ Bucket: 'inbox' }))).rejects.toMatchObject(refusal);
    await owner.send(new GetBucketPolicyCommand({ Bucket: 'inbox' }));
    await owner.send(new DeleteBucketPolicyCommand({ Bucket: 'inbox' }));
    await owner.send(new ListObjectsV2Command({ Bucket: 'inbox' }));
  });

  it('that demand TLS are content with loopback, unless the service is told it is plain', async () => {
    const tls = deny('s3:*', { Bool: { 'aws:SecureTransport': 'false' } });
    const version = deny('s3:*', { NumericLessThan: { 's3:TlsVersion': '1.2' } }, 'Old');
    await setPolicy(tls, version);
    await put('a');
    await s3.stop();
    const plain = await startS3({ dir: s3.dir, assumeTls: false });
    await expect(plain.client().send(new GetObjectCommand(at('a')))).rejects.toMatchObject(refusal);
    await plain.stop();
  });
});

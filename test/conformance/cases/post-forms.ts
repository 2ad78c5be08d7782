import { createPresignedPost } from '@aws-sdk/s3-presigned-post';
import { expect } from 'vitest';
import { refusal, refused } from '../expect-error.ts';
import { action, api } from '../sources.ts';
import { from, suite } from '../suite.ts';
import type { ConformanceCase } from '../suite.ts';
import type { World } from '../world.ts';
import { send } from '../wire/send.ts';
import type { Reply } from '../wire/send.ts';
import { amzDateOf, scopeText, signText } from '../wire/sign.ts';
import { get, md5 } from './tools.ts';

const POLICY = api('sigv4-HTTPPOSTConstructPolicy');
const FORMS = api('sigv4-HTTPPOSTForms');

/** A form to send. */
interface Form {
  /** Fields before the file, in order, besides the signature's. */
  readonly fields?: Readonly<Record<string, string>>;
  /** Conditions besides those of bucket, key and the signature's fields. */
  readonly conditions?: readonly unknown[];
  readonly key?: string;
  readonly file?: string | undefined;
  readonly fileName?: string;
  /** Life of the policy. @default 300_000 */
  readonly lifeMs?: number;
  readonly secret?: string;
  /** What stands in the form though something else was signed. */
  readonly swapped?: Readonly<Record<string, string | undefined>>;
  /** The policy's text, if it is not one. */
  readonly policyText?: string;
  /** Fields after the file. */
  readonly after?: Readonly<Record<string, string>>;
}

async function post(world: World, form: Form): Promise<Reply & { key: string }> {
  const { target, plain } = world;
  const amzDate = amzDateOf(Date.now());
  const { accessKeyId, secretAccessKey, sessionToken } = target.credentials;
  const secret = form.secret ?? secretAccessKey;
  const scope = {
    accessKeyId,
    secretAccessKey: secret,
    region: target.region,
    service: 's3',
    amzDate,
    date: amzDate.slice(0, 8),
  };
  const key = form.key ?? world.key();
  const signing: Record<string, string> = {
    'x-amz-algorithm': 'AWS4-HMAC-SHA256',
    'x-amz-credential': `${accessKeyId}/${scopeText(scope)}`,
    'x-amz-date': amzDate,
    ...(sessionToken === undefined ? {} : { 'x-amz-security-token': sessionToken }),
  };
  const conditions = [
    { bucket: plain },
    ['starts-with', '$key', ''],
    ...Object.entries(signing).map(([name, value]) => ({ [name]: value })),
    ...(form.conditions ?? []),
  ];
  const expiration = new Date(Date.now() + (form.lifeMs ?? 300_000)).toISOString();
  const policy = Buffer.from(form.policyText ?? JSON.stringify({ expiration, conditions })).toString(
    'base64',
  );
  const given = {
    key,
    ...form.fields,
    ...signing,
    policy,
    'x-amz-signature': signText(scope, policy),
    ...form.swapped,
  };
  return { ...(await sendForm(world, given, form)), key };
}

async function sendForm(
  world: World,
  given: Readonly<Record<string, string | undefined>>,
  form: Form,
): Promise<Reply> {
  const boundary = 'xxConformanceBoundaryxx';
  const field = ([name, value]: [string, string | undefined]): string =>
    value === undefined
      ? ''
      : `--${boundary}\r\nContent-Disposition: form-data; name="${name}"\r\n\r\n${value}\r\n`;
  const file =
    'file' in form && form.file === undefined
      ? ''
      : `--${boundary}\r\nContent-Disposition: form-data; name="file"; filename="${form.fileName ?? 'a.txt'}"\r\nContent-Type: text/plain\r\n\r\n${form.file ?? 'form content'}\r\n`;
  const after = Object.entries(form.after ?? {})
    .map(field)
    .join('');
  const body = Buffer.from(`${Object.entries(given).map(field).join('')}${file}${after}--${boundary}--\r\n`);
  const { endpoint } = world.target;
  const headers = [
    ['host', new URL(endpoint).host],
    ['content-type', `multipart/form-data; boundary=${boundary}`],
    ['content-length', String(body.length)],
  ] as const;
  return await send({ endpoint, method: 'POST', target: `/${world.plain}`, headers, body });
}

const denied = (status: number, code: string, form: Form) => async (world: World) => {
  const reply = await post(world, form);
  refusal(reply, status, code);
  await refused(get(world, { Bucket: world.plain, Key: reply.key }), 404, 'NoSuchKey');
};

const stored = async (world: World, reply: Reply & { key: string }, status = 204) => {
  expect(reply.status, reply.text).toBe(status);
  return await get(world, { Bucket: world.plain, Key: reply.key });
};

/** Browser uploads by form. */
export const postForms: readonly ConformanceCase[] = suite('post-form', FORMS, {
  'stores-and-answers-204': async (world) => {
    const reply = await post(world, {});
    expect((await stored(world, reply)).text).toBe('form content');
    expect(reply.headers['etag']).toBe(`"${md5('form content')}"`);
  },
  'made-by-the-sdk': async (world) => {
    const Key = world.key('by sdk.bin');
    const { url, fields } = await createPresignedPost(world.s3, { Bucket: world.plain, Key, Expires: 60 });
    const body = new FormData();
    for (const [name, value] of Object.entries(fields)) body.append(name, value);
    body.append('file', new Blob(['sdk']), 'x');
    expect((await fetch(url, { method: 'POST', body })).status).toBe(204);
    expect((await get(world, { Bucket: world.plain, Key })).text).toBe('sdk');
  },
  'status-201-answers-a-document': async (world) => {
    const form = { fields: { success_action_status: '201' }, conditions: [{ success_action_status: '201' }] };
    const reply = await post(world, form);
    expect(reply.status).toBe(201);
    expect([reply.xml('Bucket'), reply.xml('Key')]).toEqual([world.plain, reply.key]);
    expect(reply.xml('ETag')).toBe(`"${md5('form content')}"`);
  },
  'status-200': async (world) => {
    const form = { fields: { success_action_status: '200' }, conditions: [{ success_action_status: '200' }] };
    await stored(world, await post(world, form), 200);
  },
  'status-of-another-kind-is-204': async (world) => {
    const form = { fields: { success_action_status: '418' }, conditions: [{ success_action_status: '418' }] };
    await stored(world, await post(world, form), 204);
  },
  'redirect-is-303-with-bucket-key-etag': async (world) => {
    const to = 'http://127.0.0.1/done';
    const form = { fields: { success_action_redirect: to }, conditions: [{ success_action_redirect: to }] };
    const reply = await post(world, form);
    expect(reply.status).toBe(303);
    const location = new URL(reply.headers['location'] ?? '');
    expect(location.origin + location.pathname).toBe(to);
    expect(location.searchParams.get('bucket')).toBe(world.plain);
    expect(location.searchParams.get('key')).toBe(reply.key);
    expect(location.searchParams.get('etag')?.replaceAll('"', '')).toBe(md5('form content'));
  },
  'filename-stands-in-the-key': async (world) => {
    const prefix = world.key('in/');
    // oxlint-disable-next-line no-template-curly-in-string -- it is S3's own placeholder
    const reply = await post(world, { key: `${prefix}\${filename}`, fileName: 'photo.jpg' });
    expect(reply.status).toBe(204);
    expect((await get(world, { Bucket: world.plain, Key: `${prefix}photo.jpg` })).text).toBe('form content');
  },
  'content-type-and-metadata-are-kept': async (world) => {
    const fields = { 'Content-Type': 'text/own', 'x-amz-meta-a': '1' };
    const conditions = [['starts-with', '$Content-Type', 'text/'], { 'x-amz-meta-a': '1' }];
    const reply = await post(world, { fields, conditions });
    expect(await stored(world, reply)).toMatchObject({ ContentType: 'text/own', Metadata: { a: '1' } });
  },
  'fields-after-the-file-are-ignored': async (world) => {
    await stored(world, await post(world, { after: { 'x-amz-meta-late': '1' } }));
  },
  'x-ignore-fields-need-no-condition': from(POLICY, async (world) => {
    await stored(world, await post(world, { fields: { 'x-ignore-me': 'anything' } }));
  }),
  'expired-is-403': from(POLICY, denied(403, 'AccessDenied', { lifeMs: -60_000 })),
  'expired-says-so': from(POLICY, async (world) => {
    expect((await post(world, { lifeMs: -60_000 })).xml('Message')).toBe(
      'Invalid according to Policy: Policy expired.',
    );
  }),
  'condition.equal-fails-is-403': from(
    POLICY,
    denied(403, 'AccessDenied', { fields: { 'x-amz-meta-a': '2' }, conditions: [{ 'x-amz-meta-a': '1' }] }),
  ),
  'condition.eq-form-fails-is-403': from(
    POLICY,
    denied(403, 'AccessDenied', {
      fields: { 'x-amz-meta-a': '2' },
      conditions: [['eq', '$x-amz-meta-a', '1']],
    }),
  ),
  'condition.starts-with-fails-is-403': from(
    POLICY,
    denied(403, 'AccessDenied', { conditions: [['starts-with', '$key', 'elsewhere/']] }),
  ),
  'condition.bucket-fails-is-403': from(
    POLICY,
    denied(403, 'AccessDenied', { conditions: [{ bucket: 'another' }] }),
  ),
  'condition.content-type-fails-is-403': from(
    POLICY,
    denied(403, 'AccessDenied', {
      fields: { 'Content-Type': 'text/html' },
      conditions: [['starts-with', '$Content-Type', 'image/']],
    }),
  ),
  'condition.missing-for-a-field-is-403': from(
    POLICY,
    denied(403, 'AccessDenied', { fields: { 'x-amz-meta-a': '1' } }),
  ),
  'length-range.fits': from(POLICY, async (world) => {
    await stored(world, await post(world, { conditions: [['content-length-range', 12, 12]] }));
  }),
  'length-range.too-large': from(
    POLICY,
    denied(400, 'EntityTooLarge', { conditions: [['content-length-range', 0, 11]] }),
  ),
  'length-range.too-small': from(
    POLICY,
    denied(400, 'EntityTooSmall', { conditions: [['content-length-range', 13, 100]] }),
  ),
  'wrong-secret-is-403': denied(403, 'SignatureDoesNotMatch', { secret: 'guess' }),
  'policy-swapped-is-403': async (world) => {
    const policy = Buffer.from(JSON.stringify({ expiration: '2099-01-01T00:00:00Z', conditions: [] }));
    const reply = await post(world, { swapped: { policy: policy.toString('base64') } });
    refusal(reply, 403, 'SignatureDoesNotMatch');
  },
  'unknown-key-is-403': async (world) => {
    const amzDate = amzDateOf(Date.now());
    const credential = `AKIANOBODYKNOWSTHIS1/${amzDate.slice(0, 8)}/${world.target.region}/s3/aws4_request`;
    const reply = await post(world, { swapped: { 'x-amz-credential': credential } });
    refusal(reply, 403, 'InvalidAccessKeyId');
  },
  'without-signature-is-refused': denied(400, 'InvalidArgument', {
    swapped: { 'x-amz-signature': undefined },
  }),
  'without-file-is-400': denied(400, 'InvalidArgument', { file: undefined }),
  'without-key-is-400': async (world) => {
    const reply = await post(world, { swapped: { key: undefined }, conditions: [] });
    expect([400, 403]).toContain(reply.status);
  },
  'policy-not-json-is-400': from(POLICY, denied(400, 'InvalidPolicyDocument', { policyText: 'not json' })),
  'anonymous-is-403': async (world) => {
    const reply = await sendForm(world, { key: world.key() }, {});
    refusal(reply, 403, 'AccessDenied');
  },
  'versioned-bucket-answers-with-an-id': from(action('PutObject'), async (world) => {
    const reply = await post({ ...world, plain: world.versioned }, {});
    expect(reply.headers['x-amz-version-id']).toBeTruthy();
  }),
});

import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  createFileLinks,
  createUploadedFiles,
  createUploadHttp,
  iamAuthenticator,
  uploadServiceLambda,
} from '../../../../producers/index.ts';
import { signedFetch } from '../../../helpers/signed-fetch.ts';
import { PNG, startUploadFixture, type UploadFixture } from './fixture.ts';

const session = (name: string, role = 'partner') => ({
  accessKeyId: name.toUpperCase(),
  secretAccessKey: `secret of ${name}`,
  arn: `arn:aws:sts::000000000000:assumed-role/${role}/${name}`,
});
const MONDAY = session('monday');
const TUESDAY = session('tuesday');
const STRANGER = session('stranger', 'somebody');

let fixture: UploadFixture;
let endpoint: string;
beforeAll(async () => {
  fixture = await startUploadFixture({ identities: [MONDAY, TUESDAY, STRANGER] });
  const { service, records, stack } = fixture;
  const files = createUploadedFiles(service);
  const http = createUploadHttp({
    service,
    files,
    links: createFileLinks({ records, service, files }),
    authenticate: iamAuthenticator({ principals: ['arn:aws:iam::000000000000:role/teams/partner'] }),
    publicUrl: 'https://uploads.test',
  });
  endpoint = (await stack.functionUrl(uploadServiceLambda(http), { auth: 'AWS_IAM' })).url;
});
afterAll(async () => {
  await fixture.close();
});

const call = async (
  credentials: typeof MONDAY,
  method: string,
  path: string,
  body?: string,
): Promise<Response> =>
  await signedFetch(new URL(path, endpoint), {
    region: fixture.stack.region,
    credentials,
    method,
    ...(body === undefined ? {} : { body }),
  });

const wanted = JSON.stringify({
  name: 'me.png',
  mediaType: 'image/png',
  size: PNG.byteLength,
  type: 'avatar.uploaded',
});

describe('behind a function URL with AWS_IAM', () => {
  it('a role owns what any of its sessions uploads', async () => {
    const opened = await call(MONDAY, 'POST', '/uploads', wanted);
    expect(opened.status).toBe(201);
    const { uploadId } = (await opened.json()) as { uploadId: string };
    expect((await call(TUESDAY, 'GET', `/uploads/${uploadId}`)).status).toBe(200);
    expect((await fixture.service.records.get(uploadId))?.record.owner).toBe('aws:000000000000:role/partner');
  });

  it('who is not listed is a stranger, though AWS knows him', async () => {
    expect((await call(STRANGER, 'POST', '/uploads', wanted)).status).toBe(401);
  });

  it('where nobody has verified a signature, everybody is a stranger', async () => {
    const authenticate = iamAuthenticator({ principals: ['arn:aws:iam::000000000000:role/partner'] });
    const request = { method: 'POST', path: '/uploads', query: '', headers: {}, body: Buffer.alloc(0) };
    expect(await authenticate(request)).toBeUndefined();
  });

  it('an ARN that names no role or user is refused at once', () => {
    expect(() => iamAuthenticator({ principals: ['arn:aws:iam::000000000000:root'] })).toThrow(
      'principals.0: got "arn:aws:iam::000000000000:root", expected the ARN of an IAM role or user',
    );
  });
});

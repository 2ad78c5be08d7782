/**
 * The upload service as a process of its own, on the stack whose variables it is given. Run with --expose-gc. Tells its
 * URL and a token; asked for anything, it answers with the bytes that it holds once garbage is collected.
 */
import { SignJWT, generateSecret, exportJWK } from 'jose';
import {
  createFileLinks,
  createUploadedFiles,
  createUploadHttp,
  createUploadService,
  jwtAuthenticator,
  parseUploadPolicy,
  startUploadServer,
} from '../../producers/index.ts';
import { createRecords } from '../../shared/records/index.ts';

const env = process.env as Record<string, string>;
const records = createRecords({ control: JSON.parse(env['WAYBILL_CONTROL']!) });
const service = createUploadService({
  stores: JSON.parse(env['WAYBILL_STORES']!),
  records,
  policy: parseUploadPolicy(env['UPLOAD_POLICY']!),
});
const secret = await generateSecret('HS256', { extractable: true });
const jwk = { ...(await exportJWK(secret)), alg: 'HS256' };
const files = createUploadedFiles(service);
const server = await startUploadServer({
  http: (publicUrl) =>
    createUploadHttp({
      service,
      files,
      links: createFileLinks({ records, service, files }),
      authenticate: jwtAuthenticator({ issuer: 'test', audience: 'test', keys: [jwk] }),
      publicUrl,
    }),
});
const token = await new SignJWT({ sub: 'everybody' })
  .setProtectedHeader({ alg: 'HS256' })
  .setIssuer('test')
  .setAudience('test')
  .setExpirationTime('1h')
  .sign(secret);
process.on('message', () => {
  (globalThis as { gc?: () => void }).gc?.();
  process.send!({ heapBytes: process.memoryUsage().heapUsed });
});
process.send!({ url: server.url, token });

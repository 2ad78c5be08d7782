import fc from 'fast-check';
import { createHash } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { deriveSigningKey, formatAmzDate, signString } from '../../../shared/sigv4-encoding.ts';
import { deepened, mutated } from '../../helpers/local-fuzz/arbitraries.ts';
import { expectAnswered, fuzz, startFuzzed } from '../../helpers/local-fuzz/fuzzed-stack.ts';
import type { FuzzedStack } from '../../helpers/local-fuzz/fuzzed-stack.ts';
import { REGION, identity } from '../../helpers/local-fuzz/sign.ts';

let stack: FuzzedStack;
let upload: string;
beforeAll(async () => {
  stack = await startFuzzed();
  await stack.send({ method: 'PUT', target: '/bucket/seed' }, Buffer.from('0123456789'));
  const { body } = await stack.send({ method: 'POST', target: '/bucket/seed?uploads' });
  upload = /<UploadId>([^<]+)/.exec(body)![1]!;
});
afterAll(async () => {
  await stack[Symbol.asyncDispose]();
});

const XML = [
  '<Delete><Object><Key>a</Key></Object><Object><Key>b</Key><VersionId>null</VersionId></Object></Delete>',
  '<Tagging><TagSet><Tag><Key>k</Key><Value>v</Value></Tag></TagSet></Tagging>',
  '<CompleteMultipartUpload><Part><PartNumber>1</PartNumber><ETag>"x"</ETag></Part></CompleteMultipartUpload>',
  '<VersioningConfiguration><Status>Enabled</Status></VersioningConfiguration>',
  '<CORSConfiguration><CORSRule><AllowedOrigin>*</AllowedOrigin><AllowedMethod>GET</AllowedMethod></CORSRule></CORSConfiguration>',
  '<CreateBucketConfiguration><LocationConstraint>us-east-1</LocationConstraint></CreateBucketConfiguration>',
  '<!DOCTYPE x [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;&a;">]><Delete><Object><Key>&b;</Key></Object></Delete>',
  'DEEP(<)',
  '<Delete>DEEP(<)</Delete>',
  '<__proto__><constructor/></__proto__>',
  '<Delete><__proto__>x</__proto__><Object><Key>&#0;&#xD800;&#x110000;</Key></Object></Delete>',
];

describe('the embedded stack, given nonsense with a good signature', () => {
  it('answers any XML', async () => {
    const targets = (): string[] => [
      '/bucket?delete',
      '/bucket/seed?tagging',
      `/bucket/seed?uploadId=${upload}`,
      '/kept?versioning',
      '/bucket?cors',
      '/another',
      '/bucket?policy',
    ];
    await fuzz(
      'XML',
      fc.tuple(fc.nat(6), mutated(XML)),
      async ([which, short]) => {
        const text = deepened(short);
        const target = targets()[which]!;
        const verb = /delete|uploadId/.test(target) ? 'POST' : 'PUT';
        const headers = { 'content-md5': createHash('md5').update(text).digest('base64') };
        expectAnswered(await stack.send({ method: verb, target, headers }, Buffer.from(text)));
      },
      300,
    );
    await stack.expectClean();
  });

  it('answers any bucket policy', async () => {
    const seeds = [
      '{"Version":"2012-10-17","Statement":[{"Sid":"x","Effect":"Deny","Principal":"*","Action":"s3:GetObject","Resource":"arn:aws:s3:::kept/*","Condition":{"NumericGreaterThan":{"s3:signatureAge":1000}}}]}',
      '{"Statement":{"Effect":"Allow","Principal":{"AWS":["*"]},"NotAction":["s3:*"],"Resource":"*","Condition":{"StringLike":{"aws:username":"${aws:*}"}}}}',
      '[[[[]]]]',
      '{"__proto__":{"Statement":[]}}',
      'null',
      '1',
      '"x"',
      'DEEP([)',
    ];
    await fuzz(
      'policies',
      mutated(seeds),
      async (text) => {
        expectAnswered(await stack.send({ method: 'PUT', target: '/kept?policy' }, Buffer.from(text)));
        expectAnswered(await stack.send({ method: 'GET', target: '/kept/x' }));
      },
      200,
    );
    expectAnswered(await stack.send({ method: 'DELETE', target: '/kept?policy' }));
    await stack.expectClean();
  });

  it('answers any aws-chunked framing, and publishes only what is framed well', async () => {
    const seeds = [
      '5\r\nhello\r\n0\r\n\r\n',
      '5\r\nhello\r\n0\r\nx-amz-checksum-crc32:NhCmhg==\r\n\r\n',
      '5;chunk-signature=00\r\nhello\r\n0\r\n\r\n',
      'fffffffff\r\nx',
      '-1\r\n\r\n',
      '0\r\n\r\n0\r\n\r\n',
    ];
    const hashes = [
      'STREAMING-UNSIGNED-PAYLOAD-TRAILER',
      'STREAMING-AWS4-HMAC-SHA256-PAYLOAD',
      'STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER',
      'STREAMING-X',
      'UNSIGNED-PAYLOAD',
    ] as const;
    await fuzz(
      'framing',
      fc.tuple(mutated(seeds), fc.constantFrom(...hashes), fc.constantFrom('5', '0', 'x', '99999999999')),
      async ([text, payloadHash, length]) => {
        const headers = {
          'content-encoding': 'aws-chunked',
          'x-amz-decoded-content-length': length,
          'x-amz-trailer': 'x-amz-checksum-crc32',
        };
        const answer = await stack.send(
          { method: 'PUT', target: '/bucket/framed', headers, payloadHash },
          Buffer.from(text, 'latin1'),
        );
        expectAnswered(answer);
        if (answer.status === 200) {
          const got = await stack.send({ method: 'GET', target: '/bucket/framed' });
          expect(got.body).toHaveLength(Number(length));
        }
      },
      300,
    );
    await stack.expectClean();
  });

  it('answers any form and any policy of one', async () => {
    const policies = [
      '{"expiration":"2099-01-01T00:00:00Z","conditions":[{"bucket":"bucket"},["starts-with","$key",""],["content-length-range",0,100]]}',
      '{"expiration":"2099-01-01T00:00:00Z","conditions":[["eq","$key","a"],["content-length-range",-1,"x"],[],[null],{"__proto__":"x"}]}',
      '{"expiration":{},"conditions":"x"}',
      'null',
      '[]',
    ];
    const forms = [
      '--x\r\ncontent-disposition: form-data; name="file"; filename="../../etc/passwd"\r\n\r\nhello\r\n--x--\r\n',
      '--x\r\ncontent-disposition: form-data; name="file"\r\n\r\nhello',
      '--x--\r\n',
      '',
    ];
    await fuzz(
      'forms',
      fc.tuple(mutated(policies), mutated(forms), mutated(['a/${filename}', '../${filename}', '\0'])),
      async ([policy, tail, key]) => {
        const fields = Object.entries(signedForm(policy, key)).map(
          ([name, value]) => `--x\r\ncontent-disposition: form-data; name="${name}"\r\n\r\n${value}\r\n`,
        );
        const body = Buffer.from(fields.join('') + tail);
        const head = `POST /bucket HTTP/1.1\r\nhost: x\r\ncontent-type: multipart/form-data; boundary=x\r\ncontent-length: ${body.length}\r\nconnection: close\r\n\r\n`;
        expectAnswered(await stack.raw(Buffer.concat([Buffer.from(head), body])));
      },
      200,
    );
    await stack.expectClean();
  });
});

function signedForm(policyText: string, key: string): Record<string, string> {
  const policy = Buffer.from(policyText).toString('base64');
  const amzDate = formatAmzDate(Date.now());
  const date = amzDate.slice(0, 8);
  return {
    key,
    policy,
    'x-amz-algorithm': 'AWS4-HMAC-SHA256',
    'x-amz-credential': `${identity.accessKeyId}/${date}/${REGION}/s3/aws4_request`,
    'x-amz-date': amzDate,
    'x-amz-signature': signString(deriveSigningKey(identity.secretAccessKey, date, REGION, 's3'), policy),
  };
}

import { SignatureV4 } from '@smithy/signature-v4';
import { expect } from 'vitest';
import { Sha256 } from '../../integration/local/s3/sha256.ts';
import { suite } from '../suite.ts';
import type { ConformanceCase } from '../suite.ts';
import type { World } from '../world.ts';
import { send } from '../wire/send.ts';
import { percentEncode, sha256 } from '../wire/sign.ts';
import type { HostStyle } from '../wire/signed.ts';
import { get, put } from './tools.ts';

const SPEC = 'https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html';

type Check = ConformanceCase['check'];

/** Parts of keys that implementations of the signature get wrong. */
const KEYS: Readonly<Record<string, string>> = {
  space: 'a b  c',
  plus: 'a+b',
  percent: '100%',
  'percent-sequence': 'a%20b%2Fc',
  unicode: 'grüße/日本語',
  emoji: 'smile-😀',
  decomposed: 'u\u0308ber',
  tilde: '~user',
  reserved: `!$&'()*,;=:@`,
  'question-and-hash': 'a?b#c',
  brackets: '[a]{b}|^`\\"<>',
  'double-slash': 'a//b',
  dots: 'a/./b/../c',
  'dot-dot-first': '../up',
  'trailing-slash': 'folder/',
  'leading-slash': '/abs',
};

const handSigned = (name: string, style: HostStyle) => async (world: World) => {
  const where = { bucket: world.plain, key: `${style}-${world.key()}/${name}`, style };
  const sent = await world.ask({ ...where, method: 'PUT', body: name });
  expect(sent.status).toBe(200);
  expect((await world.ask(where)).text).toBe(name);
  expect((await get(world, { Bucket: where.bucket, Key: where.key })).text).toBe(name);
};

/** Signed by the library that the SDK signs with, given the decoded path as the SDK gives it. */
const smithySigned = (name: string, style: HostStyle) => async (world: World) => {
  const { target, plain } = world;
  const { Key } = await put(world, name, { Key: `smithy-${world.key()}/${name}` });
  const { host } = new URL(target.endpoint);
  const encoded = Key.split('/').map(percentEncode).join('/');
  const path = style === 'virtual' ? `/${encoded}` : `/${plain}/${encoded}`;
  const { region, credentials } = target;
  const signer = new SignatureV4({
    service: 's3',
    region,
    credentials,
    sha256: Sha256,
    uriEscapePath: false,
  });
  const request = {
    method: 'GET',
    protocol: 'http:',
    hostname: host,
    path,
    query: { 'x-id': 'GetObject' },
    headers: {
      host: style === 'virtual' ? `${plain}.${target.virtualHost}` : host,
      'x-amz-content-sha256': sha256(''),
    },
  };
  const { headers } = await signer.sign(request);
  const lines = Object.entries(headers);
  const reply = await send({
    endpoint: target.endpoint,
    method: 'GET',
    target: `${path}?x-id=GetObject`,
    headers: lines,
  });
  expect({ status: reply.status, text: reply.text }).toEqual({ status: 200, text: name });
};

function keyCases(): Record<string, Check> {
  const entries: [string, Check][] = [];
  for (const [id, name] of Object.entries(KEYS)) {
    for (const style of ['path', 'virtual'] as const) {
      entries.push([`${id}.${style}-style`, handSigned(name, style)]);
      entries.push([`${id}.${style}-style.smithy`, smithySigned(name, style)]);
    }
  }
  return Object.fromEntries(entries);
}

/** Names of objects in the signature, in both styles, signed by hand and by the SDK's signer. */
export const signingKeys: readonly ConformanceCase[] = suite('signing.key', SPEC, keyCases());

import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startLocal, type LocalStack } from '../../local/index.ts';
import { createProducerKeyList } from '../../producers/signing-key/producer-key-list.ts';
import {
  createClaimCheckSigner,
  createClaimCheckVerifier,
  parseSigningKey,
  type ProducerKey,
} from '../../shared/claim-check.ts';
import { createRecords, type Records } from '../../shared/records/index.ts';
import { bundleOf } from './bundling.ts';
import { startSecretsManager, type SecretsManager } from './secrets-manager.ts';

const arnOf = (name: string) => `arn:aws:secretsmanager:eu-central-1:111122223333:secret:${name}-AbCdEf`;
const DAY_MS = 86_400_000;
const STEPS = ['createSecret', 'setSecret', 'testSecret', 'finishSecret'] as const;

describe('the rotation of signing keys, bundled', () => {
  const bundle = bundleOf('producers/signing-key/function-entry');
  let stack: LocalStack;
  let secrets: SecretsManager;
  let records: Records;
  let handler: (event: unknown) => Promise<any>;

  beforeAll(async () => {
    stack = await startLocal({ buckets: ['control'], buses: [], queues: [] });
    secrets = await startSecretsManager();
    const { region, endpoint, credentials } = stack;
    const control = { bucket: 'control', region, endpoint };
    records = createRecords({ control, credentials });
    const producer = (issuer: string) => ({
      secretArn: arnOf(issuer),
      issuer,
      prefixes: [`payloads/${issuer}/`],
      retainDays: 73,
    });
    ({ handler } = bundle.load({
      AWS_ACCESS_KEY_ID: credentials.accessKeyId,
      AWS_SECRET_ACCESS_KEY: credentials.secretAccessKey,
      AWS_REGION: region,
      AWS_ENDPOINT_URL_SECRETS_MANAGER: secrets.url,
      WAYBILL_LOG_LEVEL: 'silent',
      WAYBILL_CONTROL: JSON.stringify(control),
      WAYBILL_ROTATED_PRODUCERS: JSON.stringify(['scanner', 'billing', 'shop'].map(producer)),
    }));
    for (const name of ['scanner', 'billing', 'shop'])
      secrets.put(arnOf(name), 'v0', '{"empty":true,"placeholder":"x"}');
  });
  afterAll(async () => {
    records.close();
    await secrets[Symbol.asyncDispose]();
    await stack.close();
  });

  const step = async (name: string, Step: string, ClientRequestToken: string) =>
    await handler({ Step, SecretId: arnOf(name), ClientRequestToken });
  const rotate = async (name: string, token: string) => {
    for (const each of STEPS) await step(name, each, token);
  };
  const keysOf = async (issuer: string): Promise<readonly ProducerKey[]> =>
    (await createProducerKeyList(records).read()).filter((key) => key.issuer === issuer);
  const keyIn = (name: string, token: string) =>
    parseSigningKey(secrets.versions(arnOf(name)).get(token)?.text ?? '');
  const claims = (retainMs: number) => ({
    eventId: '019ab0c0-0000-7000-8000-000000000001',
    attachmentId: 'a',
    type: 'scan.made',
    store: 'payloads',
    key: 'payloads/scanner/scan.made/id/a',
    versionId: 'v',
    size: 1,
    digest: `sha-256=:${Buffer.alloc(32).toString('base64')}:`,
    retainUntil: new Date(Date.now() + retainMs).toISOString(),
  });

  it('is small, and holds nothing twice', () => {
    expect(bundle.sizeBytes).toBeLessThan(1_200_000);
    expect(bundle.packages.filter((path) => path.lastIndexOf('node_modules/') > 0)).toEqual([]);
  });

  it('makes the first key out of a placeholder, and tells the URL service before it counts', async () => {
    await step('scanner', 'createSecret', 'v1');
    await step('scanner', 'createSecret', 'v1'); // Secrets Manager asks twice when an answer was lost
    const { kid } = keyIn('scanner', 'v1');
    await expect(step('scanner', 'testSecret', 'v1')).rejects.toThrow(
      `key ${kid} of scanner is not in the list`,
    );
    await step('scanner', 'setSecret', 'v1');
    expect(await keysOf('scanner')).toMatchObject([{ kid, prefixes: ['payloads/scanner/'] }]);
    expect(secrets.versions(arnOf('scanner')).get('v0')?.stages).toContain('AWSCURRENT');
    await step('scanner', 'testSecret', 'v1');
    await step('scanner', 'finishSecret', 'v1');
    await step('scanner', 'finishSecret', 'v1');
    expect(secrets.versions(arnOf('scanner')).get('v1')?.stages).toContain('AWSCURRENT');
    expect(JSON.stringify(await keysOf('scanner'))).not.toContain('"d"');
  });

  it('keeps two keys good; the one before those ends when its claim checks do', async () => {
    await rotate('scanner', 'v2');
    const [first, second] = await keysOf('scanner');
    expect([first?.kid, second?.kid]).toEqual([keyIn('scanner', 'v1').kid, keyIn('scanner', 'v2').kid]);
    expect([first?.notAfter, second?.notAfter]).toEqual([undefined, undefined]);
    const verifier = createClaimCheckVerifier({ keys: await keysOf('scanner') });
    for (const version of ['v1', 'v2']) {
      const jws = await createClaimCheckSigner(keyIn('scanner', version)).sign(claims(DAY_MS));
      await expect(verifier.verify(jws.reveal())).resolves.toMatchObject({
        kid: keyIn('scanner', version).kid,
      });
    }
    await rotate('scanner', 'v3');
    const ends = (await keysOf('scanner')).map(({ notAfter }) => notAfter);
    expect(ends.slice(1)).toEqual([undefined, undefined]);
    const days = (Date.parse(ends[0] ?? '') - Date.now()) / DAY_MS;
    expect(Math.round(days)).toBe(73);
  });

  it('takes a key off the list when its time is over', async () => {
    const list = createProducerKeyList(records);
    const over = new Date(Date.now() - 1_000).toISOString();
    await list.update((keys) =>
      keys.map((key) => (key.notAfter === undefined ? key : { ...key, notAfter: over })),
    );
    await rotate('scanner', 'v4');
    const kids = (await keysOf('scanner')).map(({ kid }) => kid);
    expect(kids).toEqual(['v2', 'v3', 'v4'].map((version) => keyIn('scanner', version).kid));
  });

  it('loses no key when two producers rotate at once', async () => {
    const before = await keysOf('scanner');
    await Promise.all([rotate('billing', 'b1'), rotate('shop', 's1')]);
    expect(await keysOf('billing')).toHaveLength(1);
    expect(await keysOf('shop')).toHaveLength(1);
    expect(await keysOf('scanner')).toEqual(before);
  });

  it('refuses a secret that is not one of a producer', async () => {
    await expect(step('other', 'createSecret', 'x')).rejects.toThrow('not one of a producer');
  });
});

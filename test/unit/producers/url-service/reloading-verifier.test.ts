import { beforeEach, describe, expect, it } from 'vitest';
import { createManualClock } from '../../../../local/clock.ts';
import { createReloadingVerifier } from '../../../../producers/url-service/reloading-verifier.ts';
import { createClaimCheckSigner, generateProducerKey } from '../../../../shared/claim-check.ts';

const claims = {
  eventId: '01890a5d-ac96-774b-bcce-b302099a8057',
  attachmentId: 'file',
  type: 'report.ready',
  store: 'payloads',
  key: 'payloads/billing/report.ready/e/file',
  versionId: 'v1',
  size: 3,
  digest: 'sha-256=:47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=:',
  retainUntil: '2099-01-01T00:00:00Z',
};
const pair = (kid: string) => generateProducerKey({ issuer: 'billing', kid });
const [old, fresh] = [pair('billing-1'), pair('billing-2')];
const signedBy = async ({ signingKey }: typeof old) =>
  (await createClaimCheckSigner(signingKey).sign(claims)).reveal();

describe('createReloadingVerifier', () => {
  let list = [old.producerKey];
  let loads = 0;
  let broken = false;
  let clock = createManualClock();
  const verifier = () =>
    createReloadingVerifier({
      clock,
      load: async () => {
        loads += 1;
        if (broken) throw new Error('S3 is away');
        return list;
      },
    });
  beforeEach(() => {
    [list, loads, broken, clock] = [[old.producerKey], 0, false, createManualClock()];
  });

  it('asks for the list once, and again when it is old', async () => {
    const checks = verifier();
    const jws = await signedBy(old);
    await Promise.all([checks.verify(jws), checks.verify(jws), checks.verify(jws)]);
    expect(loads).toBe(1);
    clock.advance(59_999);
    await checks.verify(jws);
    expect(loads).toBe(1);
    clock.advance(1);
    await checks.verify(jws);
    expect(loads).toBe(2);
  });

  it('takes a new key with its first claim check, both keys being good', async () => {
    const checks = verifier();
    await checks.verify(await signedBy(old));
    list = [old.producerKey, fresh.producerKey];
    clock.advance(5_000);
    expect(await checks.verify(await signedBy(fresh))).toMatchObject({ kid: 'billing-2' });
    expect(await checks.verify(await signedBy(old))).toMatchObject({ kid: 'billing-1' });
    expect(loads).toBe(2);
  });

  it('does not ask at every forged claim check', async () => {
    const checks = verifier();
    await checks.verify(await signedBy(old));
    const forged = await signedBy(fresh);
    clock.advance(5_000);
    for (let i = 0; i < 10; i++)
      await expect(checks.verify(forged)).rejects.toMatchObject({ code: 'claim-check' });
    expect(loads).toBe(2);
  });

  it('drops a key that was taken off the list', async () => {
    const checks = verifier();
    await checks.verify(await signedBy(old));
    list = [fresh.producerKey];
    clock.advance(60_000);
    await expect(checks.verify(await signedBy(old))).rejects.toMatchObject({ code: 'claim-check' });
  });

  it('goes on with the last list while there is no newer one, and fails while there is none', async () => {
    const checks = verifier();
    broken = true;
    await expect(checks.verify(await signedBy(old))).rejects.toThrow('S3 is away');
    broken = false;
    await checks.verify(await signedBy(old));
    broken = true;
    clock.advance(60_000);
    expect(await checks.verify(await signedBy(old))).toMatchObject({ kid: 'billing-1' });
  });
});

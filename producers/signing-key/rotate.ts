import { createPublicKey } from 'node:crypto';
import type { JWK } from 'jose';
import * as z from 'zod';
import {
  generateProducerKey,
  serialiseSigningKey,
  type ProducerKey,
  type SigningKeyFile,
} from '../../shared/claim-check.ts';
import type { Clock } from '../../shared/clock.ts';
import { redactingLogger, type Logger } from '../../shared/logger.ts';
import type { ProducerKeyList } from './producer-key-list.ts';
import type { Secrets } from './secrets.ts';

/** A producer whose key is kept in Secrets Manager. */
export interface RotatedProducer {
  /** ARN of its secret. */
  readonly secretArn: string;
  readonly issuer: string;
  /** Prefixes of the payloads that its claim checks may name. */
  readonly prefixes: readonly string[];
  /** Days for which its claim checks may be good: how long a key that signs no more still verifies. */
  readonly retainDays: number;
}

export interface SigningKeyRotationOptions {
  readonly secrets: Secrets;
  readonly list: ProducerKeyList;
  readonly producers: readonly RotatedProducer[];
  readonly clock: Pick<Clock, 'nowMs'>;
  readonly logger: Logger;
}

const DAY_MS = 86_400_000;

/** What Secrets Manager asks. @see https://docs.aws.amazon.com/secretsmanager/latest/userguide/rotate-secrets_lambda-functions.html */
const eventSchema = z.object({
  Step: z.enum(['createSecret', 'setSecret', 'testSecret', 'finishSecret']),
  SecretId: z.string().min(1),
  ClientRequestToken: z.string().min(1),
});

/**
 * Makes a rotation function for signing keys. Two keys of a producer are good at any time: the new one is in the URL
 * service's list **before** it becomes the current one, and the one before stays in the list, since its claim checks are
 * in events under way. A producer must have read its key again by the next rotation; from then on the key before last
 * verifies until its last claim check is over, and is then taken off.
 *
 * Every step may come twice; none shows a private key to anybody.
 */
export function signingKeyRotation(options: SigningKeyRotationOptions): (event: unknown) => Promise<void> {
  const { secrets, list, producers, clock } = options;
  const logger = redactingLogger(options.logger);

  const createPending = async ({ secretArn, issuer }: RotatedProducer, token: string): Promise<void> => {
    if ((await secrets.read(secretArn, pending(token))) !== undefined) return;
    const { signingKey } = generateProducerKey({ issuer });
    await secrets.putPending(secretArn, token, serialiseSigningKey(signingKey));
  };

  const publish = async (producer: RotatedProducer, token: string): Promise<void> => {
    const { secretArn, issuer, prefixes, retainDays } = producer;
    const fresh = await pendingKey(producer, token);
    const current = await secrets.read(secretArn, { stage: 'AWSCURRENT' });
    const nowMs = clock.nowMs();
    const notAfter = new Date(nowMs + retainDays * DAY_MS).toISOString();
    await list.update((keys) => {
      const good = keys.filter((key) => key.notAfter === undefined || Date.parse(key.notAfter) > nowMs);
      const kept = good.map((key) =>
        key.issuer !== issuer || key.kid === current?.kid || key.notAfter !== undefined
          ? key
          : { ...key, notAfter },
      );
      return [
        ...kept.filter(({ kid }) => kid !== fresh.kid),
        { kid: fresh.kid, issuer, prefixes, publicKey: publicHalf(fresh) },
      ];
    });
  };

  const pendingKey = async ({ secretArn }: RotatedProducer, token: string): Promise<SigningKeyFile> => {
    const key = await secrets.read(secretArn, pending(token));
    if (key === undefined) throw new Error(`secret ${secretArn}: version ${token} holds no signing key`);
    return key;
  };

  const test = async (producer: RotatedProducer, token: string): Promise<void> => {
    const fresh = await pendingKey(producer, token);
    const listed = (await list.read()).find(({ kid }) => kid === fresh.kid);
    if (listed === undefined || !samePublicKey(listed, fresh))
      throw new Error(`key ${fresh.kid} of ${producer.issuer} is not in the list of the URL service`);
  };

  const finish = async ({ secretArn, issuer }: RotatedProducer, token: string): Promise<void> => {
    const stages = Object.entries(await secrets.stages(secretArn));
    const from = stages.find(([, names]) => names.includes('AWSCURRENT'))?.[0];
    if (from === token) return;
    await secrets.promote(secretArn, { to: token, from });
    logger.info({ issuer }, 'signing key rotated');
  };

  const steps = { createSecret: createPending, setSecret: publish, testSecret: test, finishSecret: finish };
  return async (event) => {
    const { Step, SecretId, ClientRequestToken } = eventSchema.parse(event);
    const producer = producers.find(({ secretArn }) => secretArn === SecretId);
    if (producer === undefined) throw new Error(`secret ${SecretId}: not one of a producer`);
    await steps[Step](producer, ClientRequestToken);
  };
}

function pending(versionId: string) {
  return { stage: 'AWSPENDING', versionId };
}

/** The public JWK of a private one. */
function publicHalf({ privateKey }: SigningKeyFile): JWK {
  const { d: _private, ...rest } = privateKey;
  return createPublicKey({ key: rest, format: 'jwk' }).export({ format: 'jwk' });
}

function samePublicKey({ publicKey }: ProducerKey, key: SigningKeyFile): boolean {
  return typeof publicKey === 'object' && publicKey.x === publicHalf(key).x;
}

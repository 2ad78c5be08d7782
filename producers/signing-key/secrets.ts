import * as z from 'zod';
import { createAwsJsonCaller, AwsJsonError } from '../../shared/aws-json.ts';
import type { Clock } from '../../shared/clock.ts';
import { parseSigningKey, type SigningKeyFile } from '../../shared/claim-check.ts';
import type { SigningIdentity } from '../../shared/sigv4-signer.ts';

export interface SecretsOptions {
  readonly region: string;
  /** @default - AWS's of that region */
  readonly endpoint?: string | undefined;
  readonly credentials: () => SigningIdentity;
  readonly clock: Pick<Clock, 'nowMs'>;
}

/** Which version of a secret: a stage such as `AWSCURRENT`, or a version's id. */
export type SecretVersion =
  | { readonly stage: string }
  | { readonly versionId: string; readonly stage: string };

/** Signing keys in Secrets Manager, as far as they are read and rotated. */
export interface Secrets {
  /** @returns undefined if there is no such version, or it holds something that is no signing key yet */
  read(secretId: string, version: SecretVersion): Promise<SigningKeyFile | undefined>;
  /** Stages of each version, by the version's id. */
  stages(secretId: string): Promise<Readonly<Record<string, readonly string[]>>>;
  /** Keeps a new version as `AWSPENDING`. Once more with the same id and text does nothing. */
  putPending(secretId: string, versionId: string, text: string): Promise<void>;
  /** Makes a version the current one. */
  promote(
    secretId: string,
    versions: { readonly to: string; readonly from: string | undefined },
  ): Promise<void>;
  close(): Promise<void>;
}

const TIMEOUT_MS = 10_000;
const ATTEMPTS = 3;

/**
 * Reaches Secrets Manager by plain signed requests.
 * @see https://docs.aws.amazon.com/secretsmanager/latest/apireference/Welcome.html
 */
export function createSecrets(options: SecretsOptions): Secrets {
  const { region, credentials, clock } = options;
  const caller = createAwsJsonCaller({
    service: 'secretsmanager',
    targetPrefix: 'secretsmanager',
    version: '1.1',
    region,
    endpoint: new URL(options.endpoint ?? `https://secretsmanager.${region}.amazonaws.com/`),
    credentials: async () => credentials(),
    clock,
  });

  /** Asks again what the service, or the way to it, could not answer. */
  const call = async (action: string, input: object): Promise<Record<string, unknown>> => {
    for (let attempt = 1; ; attempt++) {
      try {
        return await caller.call(action, input, {
          signal: AbortSignal.timeout(TIMEOUT_MS),
          timeoutMs: TIMEOUT_MS,
        });
      } catch (error) {
        const final = error instanceof AwsJsonError && error.$metadata.httpStatusCode < 500;
        if (final || attempt >= ATTEMPTS) throw error;
      }
    }
  };

  return {
    async read(secretId, version) {
      const { stage } = version;
      const input = {
        SecretId: secretId,
        VersionStage: stage,
        ...('versionId' in version ? { VersionId: version.versionId } : {}),
      };
      try {
        const { SecretString } = valueSchema.parse(await call('GetSecretValue', input));
        return keyOf(SecretString);
      } catch (error) {
        if (error instanceof AwsJsonError && error.name === 'ResourceNotFoundException') return undefined;
        throw error;
      }
    },
    stages: async (secretId) =>
      stagesSchema.parse(await call('DescribeSecret', { SecretId: secretId })).VersionIdsToStages,
    async putPending(secretId, versionId, text) {
      await call('PutSecretValue', {
        SecretId: secretId,
        ClientRequestToken: versionId,
        SecretString: text,
        VersionStages: ['AWSPENDING'],
      });
    },
    async promote(secretId, { to, from }) {
      await call('UpdateSecretVersionStage', {
        SecretId: secretId,
        VersionStage: 'AWSCURRENT',
        MoveToVersionId: to,
        ...(from === undefined ? {} : { RemoveFromVersionId: from }),
      });
    },
    close: async () => await caller.close(),
  };
}

const valueSchema = z.object({ SecretString: z.string() });
const stagesSchema = z.object({ VersionIdsToStages: z.record(z.string(), z.array(z.string())).default({}) });

/** A new secret holds a placeholder until it is first rotated. */
function keyOf(text: string): SigningKeyFile | undefined {
  try {
    return parseSigningKey(text);
  } catch {
    return undefined;
  }
}

import { Lazy, Stack } from 'aws-cdk-lib';
import * as iam from 'aws-cdk-lib/aws-iam';
import type * as kms from 'aws-cdk-lib/aws-kms';
import { Construct } from 'constructs';
import { allow } from './allow.ts';
import { entryOf } from './bundle.ts';
import type { ControlBucket } from './control-bucket.ts';
import { WaybillFunction } from './function.ts';
import { controlJson } from './stores-json.ts';

export interface KeyRotationProps {
  /** Where the URL service's list of public keys is. */
  readonly control: ControlBucket;
  /** Days that logs are kept. @default 90 */
  readonly logDays?: number;
}

/** A signing key that is rotated. */
export interface RotatedKey {
  readonly secretArn: string;
  /** The producer. */
  readonly issuer: string;
  readonly prefixes: readonly string[];
  readonly retainDays: number;
}

/**
 * The function by which Secrets Manager rotates the signing keys of all producers. A new key is in the URL service's list
 * before it is the current one, and the one before stays in it: two keys are good at any time. It alone writes the list.
 *
 * Cost: below a cent a month.
 */
export class KeyRotation extends Construct {
  readonly function: WaybillFunction;
  readonly #keys: RotatedKey[] = [];

  constructor(scope: Construct, id: string, props: KeyRotationProps) {
    super(scope, id);
    const { control, logDays } = props;
    this.function = new WaybillFunction(this, 'Rotate', {
      description: 'Waybill: rotates signing keys.',
      entry: entryOf('producers/signing-key/function-entry'),
      timeoutSeconds: 60,
      environment: {
        WAYBILL_CONTROL: controlJson(control),
        WAYBILL_ROTATED_PRODUCERS: Lazy.string({ produce: () => Stack.of(this).toJsonString(this.#keys) }),
      },
      ...(logDays === undefined ? {} : { logDays }),
    });
    control.grant(this.function.role, {
      sid: 'PublicKeys',
      right: 'create',
      prefixes: ['keys/'],
      because: 'The list of public keys, which it alone writes.',
    });
    this.function.function.addPermission('SecretsManagerMay', {
      principal: new iam.ServicePrincipal('secretsmanager.amazonaws.com'),
      sourceAccount: Stack.of(this).account,
    });
  }

  /** Lets it rotate a secret. */
  add(key: RotatedKey, encryptionKey?: kms.IKey): void {
    this.#keys.push(key);
    allow(this.function.role, {
      actions: [
        'secretsmanager:DescribeSecret',
        'secretsmanager:GetSecretValue',
        'secretsmanager:PutSecretValue',
        'secretsmanager:UpdateSecretVersionStage',
      ],
      resources: [key.secretArn],
    });
    if (encryptionKey !== undefined)
      allow(this.function.role, {
        actions: ['kms:Decrypt', 'kms:GenerateDataKey'],
        resources: [encryptionKey.keyArn],
        conditions: { StringEquals: { 'kms:EncryptionContext:SecretARN': key.secretArn } },
      });
  }
}

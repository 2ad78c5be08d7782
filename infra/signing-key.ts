import { RemovalPolicy } from 'aws-cdk-lib';
import type * as kms from 'aws-cdk-lib/aws-kms';
import * as secretsmanager from 'aws-cdk-lib/aws-secretsmanager';
import { Construct } from 'constructs';
import type { KeyRotation } from './key-rotation.ts';

export interface SigningKeyProps {
  readonly producer: string;
  /** Rotates the key, and makes the first one. */
  readonly rotation: KeyRotation;
  /** Prefixes of the payloads that claim checks of this key may name. */
  readonly prefixes: readonly string[];
  /** Days for which claim checks are good; so long does a key that signs no more still verify. */
  readonly retainDays: number;
  /** Days after which the key is rotated, 1 to 1,000. @default 90 */
  readonly everyDays?: number;
  /** @default - CloudFormation makes one up */
  readonly secretName?: string;
  /** @default - the account's own key for Secrets Manager */
  readonly encryptionKey?: kms.IKey;
}

/**
 * A producer's signing key in Secrets Manager. The key pair is made inside the rotation function, right after the stack is
 * deployed and then every `everyDays`: the private half goes here, the public half to the URL service's list in the
 * control bucket, and neither through CloudFormation. Kept when the stack is deleted.
 *
 * Cost: $0.40 a month and $5 per million reads.
 */
export class SigningKey extends Construct {
  readonly secretArn: string;

  constructor(scope: Construct, id: string, props: SigningKeyProps) {
    super(scope, id);
    const { producer, rotation, prefixes, retainDays, everyDays = 90, secretName, encryptionKey } = props;
    const secret = new secretsmanager.CfnSecret(this, 'Secret', {
      ...(secretName === undefined ? {} : { name: secretName }),
      ...(encryptionKey === undefined ? {} : { kmsKeyId: encryptionKey.keyArn }),
      description: `Signing key of the producer ${producer}.`,
      // Not a key, and read by nobody as one: what a secret must hold before it can be rotated the first time.
      generateSecretString: { secretStringTemplate: '{"empty":true}', generateStringKey: 'placeholder' },
    });
    secret.applyRemovalPolicy(RemovalPolicy.RETAIN);
    this.secretArn = secret.ref;
    rotation.add({ secretArn: this.secretArn, issuer: producer, prefixes, retainDays }, encryptionKey);
    new secretsmanager.CfnRotationSchedule(this, 'Rotation', {
      secretId: secret.ref,
      rotationLambdaArn: rotation.function.function.functionArn,
      rotationRules: { automaticallyAfterDays: everyDays },
      rotateImmediatelyOnUpdate: true,
    }).node.addDependency(rotation);
  }
}

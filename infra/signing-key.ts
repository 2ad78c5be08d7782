import { RemovalPolicy } from 'aws-cdk-lib';
import type * as kms from 'aws-cdk-lib/aws-kms';
import * as secretsmanager from 'aws-cdk-lib/aws-secretsmanager';
import { Construct } from 'constructs';
import { acknowledge } from './acknowledge.ts';

export interface SigningKeyProps {
  readonly producer: string;
  /** @default - CloudFormation makes one up */
  readonly secretName?: string;
  /** @default - the account's own key for Secrets Manager */
  readonly encryptionKey?: kms.IKey;
}

/**
 * The place of a producer's signing key. It is empty until `waybill keys new` makes the pair: the private half goes here,
 * the public half to the URL service's list in the control bucket, and neither through CloudFormation. Kept when the
 * stack is deleted.
 *
 * Cost: $0.40 a month and $5 per million reads.
 */
export class SigningKey extends Construct {
  readonly secretArn: string;

  constructor(scope: Construct, id: string, props: SigningKeyProps) {
    super(scope, id);
    const { producer, secretName, encryptionKey } = props;
    // The plain resource: CDK's own construct would fill it with a password.
    const secret = new secretsmanager.CfnSecret(this, 'Secret', {
      ...(secretName === undefined ? {} : { name: secretName }),
      ...(encryptionKey === undefined ? {} : { kmsKeyId: encryptionKey.keyArn }),
      description: `Signing key of the producer ${producer}: run "waybill keys new --producer ${producer}" to make it.`,
    });
    secret.applyRemovalPolicy(RemovalPolicy.RETAIN);
    this.secretArn = secret.ref;
    acknowledge(
      secret,
      'SMG4',
      'Rotation must put the new public key before the URL service first: `waybill keys rotate` does, on a schedule of the team.',
    );
  }
}

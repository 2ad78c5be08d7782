import { Validations } from 'aws-cdk-lib';
import type { IConstruct } from 'constructs';

/** The pack whose findings are acknowledged: AWS Solutions of cdk-nag. */
const PACK = 'AwsSolutions';

/**
 * Says why a rule of cdk-nag's AWS Solutions pack does not hold here. The reason stays in the construct tree, beside
 * the code that makes it true; who does not use cdk-nag notices nothing.
 * @param rule without the pack's name: `S1`
 */
export function acknowledge(scope: IConstruct, rule: string, reason: string): void {
  Validations.of(scope).acknowledge({ id: `${PACK}-${rule}`, reason });
}

import { Stack } from 'aws-cdk-lib';
import * as iam from 'aws-cdk-lib/aws-iam';
import { acknowledge } from './acknowledge.ts';

/** One thing that a role may do. */
export interface Permission {
  /** Letters and digits; says what it is for. @default - none */
  readonly sid?: string;
  readonly actions: readonly string[];
  readonly resources: readonly string[];
  readonly conditions?: Readonly<Record<string, Readonly<Record<string, string | readonly string[]>>>>;
  /** Why a resource holds a wildcard; demanded of those that do. */
  readonly because?: string;
}

/**
 * Gives a role one permission, spelled out: CDK's own grants give more than is needed (`s3:GetObject*`, `s3:List*`).
 * @throws {TypeError} if an action holds a wildcard, or a resource does and nobody says why
 */
export function allow(role: iam.IRole, permission: Permission): void {
  const { sid, actions, resources, conditions, because } = permission;
  const what = sid ?? actions.join(', ');
  for (const action of actions)
    if (action.includes('*'))
      throw new TypeError(`${what}: got action ${action}, expected one without a wildcard`);
  for (const resource of resources) {
    const shown = flatten(Stack.of(role).resolve(resource));
    if (!shown.includes('*')) continue;
    if (because === undefined)
      throw new TypeError(`${what}: got resource ${shown}, expected because to say why it is so wide`);
    acknowledge(role, `IAM5[Resource::${shown}]`, because);
  }
  role.addToPrincipalPolicy(
    new iam.PolicyStatement({
      ...(sid === undefined ? {} : { sid }),
      actions: [...actions],
      resources: [...resources],
      ...(conditions === undefined ? {} : { conditions }),
    }),
  );
}

/** A reference as cdk-nag names it in its findings: `<Bucket1234.Arn>/payloads/*`. */
function flatten(value: unknown): string {
  if (typeof value !== 'object' || value === null) return String(value);
  const [[kind, inner] = []] = Object.entries(value) as [string, unknown][];
  if (kind === 'Ref') return `<${String(inner)}>`;
  if (kind === 'Fn::Sub' && typeof inner === 'string') return inner.replaceAll(/\$\{([^}]+)\}/g, '<$1>');
  if (kind === 'Fn::GetAtt') return `<${(inner as string[]).join('.')}>`;
  if (kind === 'Fn::Join') {
    const [delimiter, items] = inner as [string, unknown[]];
    return items.map((item) => flatten(item)).join(delimiter);
  }
  return JSON.stringify(value);
}

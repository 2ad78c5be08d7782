import { createReferences, type CloudFormation, type Place, type Properties } from './references.ts';

export type { CloudFormation, CloudFormationResource, Place, Properties } from './references.ts';

/** A role of a template: who it is, and what its policies say. */
export interface TemplateRole {
  readonly name: string;
  /** `arn:aws:iam::…:role/…` */
  readonly arn: string;
  /** Policy documents, references resolved. */
  readonly policies: readonly object[];
}

/** A template as it would be once deployed: every reference is a name of this account. */
export interface DeployedTemplate {
  /** Physical name of a logical id. */
  name(logicalId: string): string;
  /** @throws {TypeError} for a type whose ARNs nobody knows here */
  arn(logicalId: string): string;
  /** Resources of a type, by logical id. @throws {TypeError} for a reference that nobody knows here */
  ofType(type: string): readonly (readonly [logicalId: string, properties: Properties])[];
  /** @throws {TypeError} if there is none of this name */
  output(id: string): unknown;
  /** @throws {TypeError} if the role has managed policies: nobody knows here what they say */
  role(logicalId: string): TemplateRole;
}

/**
 * Reads a template.
 * @throws {TypeError} if the text is no template in JSON, as `cdk synth` writes it
 */
export function parseTemplate(text: string): CloudFormation {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    throw new TypeError('expected a CloudFormation template in JSON', { cause: error });
  }
  const resources = isObject(value) ? value['Resources'] : undefined;
  const fits = isObject(resources) && Object.values(resources).every((each) => isResource(each));
  if (!fits) throw new TypeError('expected a CloudFormation template: an object with Resources');
  return value as CloudFormation;
}

/**
 * Resolves a template as CloudFormation would, for the resource types and functions that Waybill's stack uses. What
 * is not asked for is not resolved.
 *
 * Any other reference throws when it is met: one that is guessed would make whatever is judged by it worthless.
 */
export function deployTemplate(template: CloudFormation, place: Place): DeployedTemplate {
  const { name, arn, resolve } = createReferences(template, place);
  const propertiesOf = (id: string): Properties =>
    resolve(template.Resources[id]?.Properties ?? {}) as Properties;
  const ofType = (type: string) =>
    Object.entries(template.Resources)
      .filter(([, { Type }]) => Type === type)
      .map(([id]) => [id, propertiesOf(id)] as const);
  return {
    name,
    arn,
    ofType,
    output: (id) => {
      const output = template.Outputs?.[id];
      if (output === undefined) throw new TypeError(`the template has no output ${id}`);
      return resolve(output.Value);
    },
    role: (id) => {
      const { Policies: own = [], ManagedPolicyArns: managed } = propertiesOf(id);
      if (managed !== undefined) throw new TypeError(`${id}: managed policies are not known here`);
      const attached = ofType('AWS::IAM::Policy').filter(([, { Roles }]) =>
        (Roles as readonly string[]).includes(name(id)),
      );
      const inline = own as readonly { readonly PolicyDocument: object }[];
      return {
        name: name(id),
        arn: arn(id),
        policies: [
          ...inline.map(({ PolicyDocument }) => PolicyDocument),
          ...attached.map(([, { PolicyDocument }]) => PolicyDocument as object),
        ],
      };
    },
  };
}

function isResource(value: unknown): boolean {
  if (!isObject(value) || typeof value['Type'] !== 'string') return false;
  return value['Properties'] === undefined || isObject(value['Properties']);
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

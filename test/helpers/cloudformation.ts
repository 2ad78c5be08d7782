import {
  deployTemplate,
  type CloudFormation as Template,
  type Place,
  type TemplateRole,
} from '../../local/cloudformation/template.ts';

/** A template, with properties that tests take apart. */
export type CloudFormation = Template & {
  readonly Resources: Readonly<Record<string, CloudFormationResource>>;
  readonly Outputs?: Readonly<Record<string, { readonly Value: any }>>;
};

export interface CloudFormationResource {
  readonly Type: string;
  readonly Properties: any;
  readonly [name: string]: any;
}

/** A template as it would be once deployed. */
export interface Deployed {
  readonly resources: Readonly<Record<string, CloudFormationResource>>;
  readonly outputs: Readonly<Record<string, any>>;
  name(logicalId: string): string;
  arn(logicalId: string): string;
  ofType(type: string): readonly (readonly [logicalId: string, properties: any])[];
  /** The one resource of a type whose logical id begins so. @throws if there is none, or are several */
  only(type: string, prefix: string): string;
  role(logicalId: string): TemplateRole;
}

/** The embedded stack's own reading of a template, with all of it resolved, and what tests ask besides. */
export function deploy(template: CloudFormation, place: Place): Deployed {
  const deployed = deployTemplate(template, place);
  const types = new Set(Object.values(template.Resources).map(({ Type }) => Type));
  const resolved = new Map([...types].flatMap((type) => [...deployed.ofType(type)]));
  return {
    ...deployed,
    resources: Object.fromEntries(
      Object.entries(template.Resources).map(([id, resource]) => [
        id,
        { ...resource, Properties: resolved.get(id) },
      ]),
    ),
    outputs: Object.fromEntries(Object.keys(template.Outputs ?? {}).map((id) => [id, deployed.output(id)])),
    only: (type, prefix) => {
      const found = deployed.ofType(type).filter(([id]) => id.startsWith(prefix));
      if (found.length !== 1)
        throw new Error(`${prefix}: ${found.length} resources of type ${type}, expected one`);
      return found[0]![0];
    },
  };
}

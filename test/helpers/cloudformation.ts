/** A template as CloudFormation gets it. */
export interface CloudFormation {
  readonly Resources: Readonly<Record<string, CloudFormationResource>>;
  readonly Outputs?: Readonly<Record<string, { readonly Value: any }>>;
}

export interface CloudFormationResource {
  readonly Type: string;
  readonly Properties: any;
  readonly [name: string]: any;
}

/** A statement of a policy, with its references resolved. */
export type PolicyDocument = { readonly Version: string; readonly Statement: readonly object[] };

/** A role of a template: who it is, and what its policies say. */
export interface TemplateRole {
  readonly name: string;
  /** `arn:aws:iam::…:role/…` */
  readonly arn: string;
  readonly policies: readonly PolicyDocument[];
}

/** A template as it would be once deployed: every reference resolved to a name of this account. */
export interface Deployed {
  readonly resources: Readonly<Record<string, CloudFormationResource>>;
  readonly outputs: Readonly<Record<string, any>>;
  /** Physical name of a logical id. */
  name(logicalId: string): string;
  arn(logicalId: string): string;
  /** Resources of a type, by logical id. */
  ofType(type: string): readonly (readonly [logicalId: string, properties: any])[];
  /** The one resource of a type whose logical id begins so. @throws if there is none, or are several */
  only(type: string, prefix: string): string;
  role(logicalId: string): TemplateRole;
}

export interface Place {
  readonly account: string;
  readonly region: string;
  /** Where queues are, `http://127.0.0.1:…`. */
  readonly endpoint?: string;
}

/** Which property names a resource, by type; without it the logical id does. */
const NAME_PROPERTY: Readonly<Record<string, string>> = {
  'AWS::S3::Bucket': 'BucketName',
  'AWS::SQS::Queue': 'QueueName',
  'AWS::Events::EventBus': 'Name',
  'AWS::Events::Rule': 'Name',
  'AWS::Events::Archive': 'ArchiveName',
  'AWS::IAM::Role': 'RoleName',
  'AWS::Lambda::Function': 'FunctionName',
  'AWS::SecretsManager::Secret': 'Name',
  'AWS::Logs::LogGroup': 'LogGroupName',
};

/**
 * Resolves a template as CloudFormation would, for the resource types and functions that Waybill's stack uses.
 * @throws on any other: a reference that is guessed would make the tests of policies worthless
 */
export function deploy(template: CloudFormation, place: Place): Deployed {
  const { account, region, endpoint = `https://sqs.${region}.amazonaws.com` } = place;
  const resourceOf = (id: string): CloudFormationResource => {
    const resource = template.Resources[id];
    if (resource === undefined) throw new Error(`the template has no resource ${id}`);
    return resource;
  };

  const name = (id: string): string => {
    const { Type, Properties = {} } = resourceOf(id);
    const given = Properties[NAME_PROPERTY[Type] ?? ''];
    if (given !== undefined) return String(resolve(given));
    return Type === 'AWS::S3::Bucket' ? id.toLowerCase() : id;
  };

  const arn = (id: string): string => {
    const { Type, Properties = {} } = resourceOf(id);
    const named = name(id);
    switch (Type) {
      case 'AWS::S3::Bucket':
        return `arn:aws:s3:::${named}`;
      case 'AWS::SQS::Queue':
        return `arn:aws:sqs:${region}:${account}:${named}`;
      case 'AWS::Events::EventBus':
        return `arn:aws:events:${region}:${account}:event-bus/${named}`;
      case 'AWS::Events::Rule':
        return `arn:aws:events:${region}:${account}:rule/${String(resolve(Properties.EventBusName))}/${named}`;
      case 'AWS::Events::Archive':
        return `arn:aws:events:${region}:${account}:archive/${named}`;
      case 'AWS::IAM::Role':
        return `arn:aws:iam::${account}:role/${named}`;
      case 'AWS::Lambda::Function':
        return `arn:aws:lambda:${region}:${account}:function:${named}`;
      case 'AWS::SecretsManager::Secret':
        return `arn:aws:secretsmanager:${region}:${account}:secret:${named}-AbCdEf`;
      case 'AWS::Logs::LogGroup':
        return `arn:aws:logs:${region}:${account}:log-group:${named}:*`;
      case 'AWS::KMS::Key':
        return `arn:aws:kms:${region}:${account}:key/${named}`;
      case 'AWS::SNS::Topic':
        return `arn:aws:sns:${region}:${account}:${named}`;
      case 'AWS::ECS::Cluster':
        return `arn:aws:ecs:${region}:${account}:cluster/${named}`;
      default:
        throw new Error(`${id}: nobody knows the ARN of a ${Type}`);
    }
  };

  const reference = (id: string): string => {
    const pseudo: Readonly<Record<string, string>> = {
      'AWS::AccountId': account,
      'AWS::Region': region,
      'AWS::Partition': 'aws',
      'AWS::URLSuffix': 'amazonaws.com',
      'AWS::StackName': 'Exchange',
    };
    if (pseudo[id] !== undefined) return pseudo[id];
    const { Type } = resourceOf(id);
    if (Type === 'AWS::SQS::Queue') return `${endpoint}/${account}/${name(id)}`;
    if (Type === 'AWS::SecretsManager::Secret' || Type === 'AWS::SNS::Topic') return arn(id);
    return name(id);
  };

  const attribute = ([id, wanted]: readonly [string, string]): string => {
    if (wanted === 'Arn') return arn(id);
    if (wanted === 'FunctionUrl') return `https://${id.toLowerCase()}.lambda-url.${region}.on.aws/`;
    if (wanted === 'QueueName') return name(id);
    if (wanted === 'Name') return name(id);
    throw new Error(`${id}: nobody knows its ${wanted}`);
  };

  const resolve = (value: any): any => {
    if (Array.isArray(value)) return value.map((item) => resolve(item));
    if (typeof value !== 'object' || value === null) return value;
    const entries = Object.entries(value);
    const [[key, inner] = ['', undefined]] = entries as [string, any][];
    if (entries.length === 1) {
      if (key === 'Ref') return reference(inner);
      if (key === 'Fn::GetAtt') return attribute(inner);
      if (key === 'Fn::Join') return (inner[1] as any[]).map((item) => String(resolve(item))).join(inner[0]);
      if (key === 'Fn::Sub' && typeof inner === 'string')
        return inner.replaceAll(/\$\{([\w:]+)\}/g, (_whole, id: string) => reference(id));
      if (key.startsWith('Fn::')) throw new Error(`nobody knows ${key}`);
    }
    return Object.fromEntries(entries.map(([field, item]) => [field, resolve(item)]));
  };

  const resources = Object.fromEntries(
    Object.entries(template.Resources).map(([id, { Type, Properties = {}, ...rest }]) => [
      id,
      { ...rest, Type, Properties: resolve(Properties) },
    ]),
  );
  const ofType = (type: string) =>
    Object.entries(resources)
      .filter(([, { Type }]) => Type === type)
      .map(([id, { Properties }]) => [id, Properties] as const);

  return {
    resources,
    outputs: Object.fromEntries(
      Object.entries(template.Outputs ?? {}).map(([id, { Value }]) => [id, resolve(Value)]),
    ),
    name,
    arn,
    ofType,
    only(type, prefix) {
      const found = ofType(type).filter(([id]) => id.startsWith(prefix));
      if (found.length !== 1)
        throw new Error(`${prefix}: ${found.length} resources of type ${type}, expected one`);
      return found[0]![0];
    },
    role(id) {
      const own = resources[id]?.Properties.Policies ?? [];
      const attached = ofType('AWS::IAM::Policy').filter(([, { Roles }]) =>
        (Roles as string[]).includes(name(id)),
      );
      if (resources[id]?.Properties.ManagedPolicyArns !== undefined)
        throw new Error(`${id}: managed policies are not known here`);
      return {
        name: name(id),
        arn: arn(id),
        policies: [
          ...(own as { PolicyDocument: PolicyDocument }[]).map(({ PolicyDocument }) => PolicyDocument),
          ...attached.map(([, { PolicyDocument }]) => PolicyDocument as PolicyDocument),
        ],
      };
    },
  };
}

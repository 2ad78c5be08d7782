/** A template as CloudFormation gets it, as far as it is read here. */
export interface CloudFormation {
  readonly Resources: Readonly<Record<string, CloudFormationResource>>;
  readonly Outputs?: Readonly<Record<string, { readonly Value: unknown }>>;
  readonly Metadata?: Readonly<Record<string, unknown>>;
}

export interface CloudFormationResource {
  readonly Type: string;
  readonly Properties?: Properties;
}

/** What a resource is made of. */
export type Properties = Readonly<Record<string, unknown>>;

/** Where a template is taken to be deployed. */
export interface Place {
  /** Twelve digits. */
  readonly account: string;
  readonly region: string;
  /** Where queues are, `http://127.0.0.1:…`. @default - the region's own endpoint */
  readonly endpoint?: string;
}

/** Turns a template's references into names. */
export interface References {
  /** Physical name of a logical id. */
  readonly name: (logicalId: string) => string;
  readonly arn: (logicalId: string) => string;
  /** A value with all that it refers to in its place. */
  readonly resolve: (value: unknown) => unknown;
}

/** Which property names a resource, by type; without it the logical id does. */
const NAME_PROPERTY: Readonly<Record<string, string>> = {
  'AWS::S3::Bucket': 'BucketName',
  'AWS::SQS::Queue': 'QueueName',
  'AWS::SNS::Topic': 'TopicName',
  'AWS::Events::EventBus': 'Name',
  'AWS::Events::Rule': 'Name',
  'AWS::Events::Archive': 'ArchiveName',
  'AWS::IAM::Role': 'RoleName',
  'AWS::Lambda::Function': 'FunctionName',
  'AWS::SecretsManager::Secret': 'Name',
  'AWS::Logs::LogGroup': 'LogGroupName',
  'AWS::CloudWatch::Alarm': 'AlarmName',
};

/** What an ARN says between `arn:aws:` and the name; `$` stands for region and account. */
const ARN_MIDDLE: Readonly<Record<string, string>> = {
  'AWS::S3::Bucket': 's3:::',
  'AWS::SQS::Queue': 'sqs:$:',
  'AWS::SNS::Topic': 'sns:$:',
  'AWS::Events::EventBus': 'events:$:event-bus/',
  'AWS::Events::Archive': 'events:$:archive/',
  'AWS::Lambda::Function': 'lambda:$:function:',
  'AWS::KMS::Key': 'kms:$:key/',
  'AWS::ECS::Cluster': 'ecs:$:cluster/',
  'AWS::CloudWatch::Alarm': 'cloudwatch:$:alarm:',
};

/** Types whose `Ref` is their ARN. */
const REF_IS_ARN: ReadonlySet<string> = new Set(['AWS::SecretsManager::Secret', 'AWS::SNS::Topic']);

/** Makes what resolves the references of a template. Every lookup throws a TypeError for what it does not know. */
export function createReferences(template: CloudFormation, place: Place): References {
  const { account, region, endpoint = `https://sqs.${region}.amazonaws.com` } = place;
  const pseudo: Readonly<Record<string, string>> = {
    'AWS::AccountId': account,
    'AWS::Region': region,
    'AWS::Partition': 'aws',
    'AWS::URLSuffix': 'amazonaws.com',
    'AWS::StackName': 'Exchange',
  };
  const resourceOf = (id: string): CloudFormationResource & { readonly Properties: Properties } => {
    const resource = template.Resources[id];
    if (resource === undefined) throw new TypeError(`the template has no resource ${id}`);
    return { ...resource, Properties: resource.Properties ?? {} };
  };

  const name = (id: string): string => {
    const { Type, Properties } = resourceOf(id);
    const given = Properties[NAME_PROPERTY[Type] ?? ''];
    if (given !== undefined) return String(resolve(given));
    return Type === 'AWS::S3::Bucket' ? id.toLowerCase() : id;
  };

  const arn = (id: string): string => {
    const { Type, Properties } = resourceOf(id);
    const named = name(id);
    if (Type === 'AWS::IAM::Role') return `arn:aws:iam::${account}:role/${named}`;
    if (Type === 'AWS::SecretsManager::Secret')
      return `arn:aws:secretsmanager:${region}:${account}:secret:${named}-AbCdEf`;
    if (Type === 'AWS::Logs::LogGroup') return `arn:aws:logs:${region}:${account}:log-group:${named}:*`;
    if (Type === 'AWS::Events::Rule') {
      const bus = String(resolve(Properties['EventBusName'] ?? 'default'));
      return `arn:aws:events:${region}:${account}:rule/${bus === 'default' ? '' : `${bus}/`}${named}`;
    }
    const middle = ARN_MIDDLE[Type];
    if (middle === undefined) throw new TypeError(`${id}: nobody knows the ARN of a ${Type}`);
    return `arn:aws:${middle.replace('$', `${region}:${account}`)}${named}`;
  };

  const reference = (id: string): string => {
    if (pseudo[id] !== undefined) return pseudo[id];
    const { Type } = resourceOf(id);
    if (Type === 'AWS::SQS::Queue') return `${endpoint}/${account}/${name(id)}`;
    return REF_IS_ARN.has(Type) ? arn(id) : name(id);
  };

  const attribute = ([id, wanted]: readonly [string, string]): string => {
    if (wanted === 'Arn') return arn(id);
    if (wanted === 'QueueName' || wanted === 'Name') return name(id);
    if (wanted === 'FunctionUrl') return `https://${id.toLowerCase()}.lambda-url.${region}.on.aws/`;
    if (wanted === 'ApiEndpoint') return `https://${id.toLowerCase()}.execute-api.${region}.amazonaws.com`;
    if (wanted === 'GroupId') return `sg-${id.toLowerCase()}`;
    const { Type } = resourceOf(id);
    if (wanted === 'Id' && Type.startsWith('AWS::CloudFront::')) return name(id);
    if (wanted === 'DomainName' && Type === 'AWS::CloudFront::Distribution')
      return `${id.toLowerCase()}.cloudfront.net`;
    if (wanted === 'RegionalDomainName' && Type === 'AWS::S3::Bucket')
      return `${name(id)}.s3.${region}.amazonaws.com`;
    throw new TypeError(`${id}: nobody knows its ${wanted}`);
  };

  /** The functions that are known; what they are given is still to be resolved. */
  const functions: Readonly<Record<string, (given: never) => unknown>> = {
    Ref: (id: string) => reference(id),
    'Fn::GetAtt': (given: readonly [string, string]) => attribute(given),
    'Fn::Join': ([delimiter, parts]: readonly [string, unknown]) =>
      (resolve(parts) as readonly unknown[]).map(String).join(delimiter),
    'Fn::Split': ([delimiter, text]: readonly [string, unknown]) => String(resolve(text)).split(delimiter),
    'Fn::Select': ([index, list]: readonly [string | number, unknown]) =>
      (resolve(list) as readonly unknown[])[Number(index)],
    'Fn::Sub': (given: unknown) => {
      if (typeof given !== 'string') throw new TypeError('nobody knows Fn::Sub with variables');
      return given.replaceAll(/\$\{([\w:]+)\}/g, (_whole, id: string) => reference(id));
    },
  };

  const resolve = (value: unknown): unknown => {
    if (Array.isArray(value)) return value.map((item) => resolve(item));
    if (typeof value !== 'object' || value === null) return value;
    const entries = Object.entries(value) as [string, unknown][];
    const [key, inner] = entries[0] ?? ['', undefined];
    if (entries.length === 1) {
      if (Object.hasOwn(functions, key)) return functions[key]?.(inner as never);
      if (key.startsWith('Fn::')) throw new TypeError(`nobody knows ${key}`);
    }
    return Object.fromEntries(entries.map(([field, item]) => [field, resolve(item)]));
  };

  return { name, arn, resolve };
}

import type { LocalIdentity } from '../authenticate.ts';
import type {
  LocalArchive,
  LocalBucket,
  LocalBus,
  LocalOptions,
  LocalQueue,
  LocalRule,
} from '../local-options.ts';
import { LOCAL_ACCOUNT_ID } from '../sqs-store.ts';
import { deployTemplate, type CloudFormation, type DeployedTemplate, type Properties } from './template.ts';

/** A role of the template, for which credentials of the embedded stack can be made. */
export interface LocalRole {
  /** Logical id, which is also its name. */
  readonly id: string;
  /** `arn:aws:iam::000000000000:role/…`, as outputs and other policies name it. */
  readonly arn: string;
  /** Its identity, with its policies and nothing else. */
  identity(credentials: { readonly accessKeyId: string; readonly secretAccessKey: string }): LocalIdentity;
}

/** What a template is to the embedded stack. */
export interface LocalTemplate {
  /** Buckets, queues, buses, rules and archives, with their policies and settings; for `startLocal`. */
  readonly options: Required<Pick<LocalOptions, 'buckets' | 'queues' | 'buses' | 'rules' | 'archives'>>;
  readonly roles: readonly LocalRole[];
  /** Variables of the function of this logical id prefix. @throws {TypeError} if there is not exactly one */
  functionOf(prefix: string): {
    readonly name: string;
    readonly roleArn: string;
    readonly variables: Readonly<Record<string, string>>;
  };
  /** @throws {TypeError} if there is none of this name */
  output(id: string): string;
  /** What is in the template and not in the options: what the embedded stack does not do. */
  readonly left: readonly string[];
}

/** Statements as buses have them: one resource each. */
type Statements = readonly object[];

/**
 * Reads a synthesized template for the embedded stack, as it would be once deployed in its account.
 *
 * Policies of buckets, queues, buses and roles are enforced by `startLocal` as they stand; functions are the caller's
 * to run. Lifecycle and CORS of buckets, alarms and keys are not read.
 *
 * @param region where the stack takes itself to be
 * @throws {TypeError} for a reference that nobody knows here
 * @example
 * const { options, roles } = readLocalTemplate(parseTemplate(readFileSync('cdk.out/Waybill.template.json', 'utf8')));
 * await startLocal({ ...options, identities: roles.map((role) => role.identity(newCredentials())) });
 */
export function readLocalTemplate(template: CloudFormation, region = 'us-east-1'): LocalTemplate {
  const deployed = deployTemplate(template, { account: LOCAL_ACCOUNT_ID, region });
  const queueNames = new Map(
    deployed.ofType('AWS::SQS::Queue').map(([id]) => [deployed.arn(id), deployed.name(id)]),
  );
  const rules = deployed
    .ofType('AWS::Events::Rule')
    .map(([id, rule]) => ({ id, ...ruleOf(deployed.name(id), rule, queueNames) }));
  return {
    options: {
      buckets: bucketsOf(deployed),
      queues: queuesOf(deployed, queueNames),
      buses: busesOf(deployed),
      rules: rules.flatMap(({ rule }) => (rule === undefined ? [] : [rule])),
      archives: archivesOf(deployed),
    },
    roles: deployed
      .ofType('AWS::IAM::Role')
      .flatMap(([id, role]) => (role['ManagedPolicyArns'] === undefined ? [roleOf(deployed, id)] : [])),
    functionOf: (prefix) => {
      const found = deployed.ofType('AWS::Lambda::Function').filter(([id]) => id.startsWith(prefix));
      const [id, fn] = found[0] ?? [];
      if (id === undefined || fn === undefined || found.length !== 1)
        throw new TypeError(`${prefix}: got ${found.length} functions, expected one`);
      const { Variables = {} } = (fn['Environment'] ?? {}) as { readonly Variables?: Record<string, string> };
      return { name: deployed.name(id), roleArn: String(fn['Role']), variables: Variables };
    },
    output: (id) => String(deployed.output(id)),
    left: rules.flatMap(({ id, because }) => (because === undefined ? [] : [`${id}: ${because}`])),
  };
}

function bucketsOf(deployed: DeployedTemplate): readonly LocalBucket[] {
  const policies = new Map(
    deployed
      .ofType('AWS::S3::BucketPolicy')
      .map(([, { Bucket, PolicyDocument }]) => [Bucket, PolicyDocument as object]),
  );
  return deployed.ofType('AWS::S3::Bucket').map(([id, { VersioningConfiguration }]) => {
    const name = deployed.name(id);
    const { Status } = (VersioningConfiguration ?? {}) as { readonly Status?: string };
    return { name, versioning: Status === 'Enabled', ...withPolicy(policies.get(name)) };
  });
}

function queuesOf(deployed: DeployedTemplate, names: ReadonlyMap<string, string>): readonly LocalQueue[] {
  const policies = new Map(
    deployed
      .ofType('AWS::SQS::QueuePolicy')
      .flatMap(([, { Queues, PolicyDocument }]) =>
        (Queues as readonly string[]).map(
          (url) => [url.slice(url.lastIndexOf('/') + 1), PolicyDocument as object] as const,
        ),
      ),
  );
  return deployed.ofType('AWS::SQS::Queue').map(([id, queue]) => {
    const name = deployed.name(id);
    const redrive = queue['RedrivePolicy'] as
      | { deadLetterTargetArn: string; maxReceiveCount: number }
      | undefined;
    return {
      name,
      ...(redrive === undefined
        ? {}
        : {
            deadLetterQueue: nameOf(names, redrive.deadLetterTargetArn),
            maxReceiveCount: redrive.maxReceiveCount,
          }),
      ...numbers({
        visibilityTimeoutSeconds: queue['VisibilityTimeout'],
        delaySeconds: queue['DelaySeconds'],
        receiveWaitTimeSeconds: queue['ReceiveMessageWaitTimeSeconds'],
        retentionSeconds: queue['MessageRetentionPeriod'],
      }),
      ...withPolicy(policies.get(name)),
    };
  });
}

function busesOf(deployed: DeployedTemplate): readonly LocalBus[] {
  const statements = new Map<unknown, Statements>();
  for (const [, { EventBusName, Statement }] of deployed.ofType('AWS::Events::EventBusPolicy'))
    statements.set(EventBusName, [...(statements.get(EventBusName) ?? []), Statement as object]);
  return deployed.ofType('AWS::Events::EventBus').map(([id]) => {
    const name = deployed.name(id);
    const own = statements.get(name);
    return { name, ...withPolicy(own === undefined ? undefined : { Version: '2012-10-17', Statement: own }) };
  });
}

interface Target {
  readonly Arn: string;
  readonly DeadLetterConfig?: { readonly Arn: string };
  readonly RetryPolicy?: {
    readonly MaximumRetryAttempts?: number;
    readonly MaximumEventAgeInSeconds?: number;
  };
}

/** A rule with one queue as its target, or why it is none. */
function ruleOf(
  name: string,
  { EventBusName: bus = 'default', EventPattern: pattern, Targets = [] }: Properties,
  queues: ReadonlyMap<string, string>,
): { readonly rule?: LocalRule; readonly because?: string } {
  const [target, ...others] = Targets as readonly Target[];
  if (pattern === undefined) return { because: 'runs by a schedule' };
  const queue = target === undefined ? undefined : queues.get(target.Arn);
  if (target === undefined || queue === undefined || others.length > 0)
    return { because: 'its target is not one queue' };
  const { DeadLetterConfig, RetryPolicy = {} } = target;
  return {
    rule: {
      bus: String(bus),
      name,
      pattern: pattern as object,
      queue,
      ...(DeadLetterConfig === undefined ? {} : { deadLetterQueue: nameOf(queues, DeadLetterConfig.Arn) }),
      retryPolicy: numbers({
        maximumRetryAttempts: RetryPolicy.MaximumRetryAttempts,
        maximumEventAgeInSeconds: RetryPolicy.MaximumEventAgeInSeconds,
      }),
    },
  };
}

function archivesOf(deployed: DeployedTemplate): readonly LocalArchive[] {
  return deployed.ofType('AWS::Events::Archive').map(([id, { SourceArn, EventPattern, RetentionDays }]) => ({
    name: deployed.name(id),
    bus: String(SourceArn).replace(/^.*event-bus\//, ''),
    ...(EventPattern === undefined ? {} : { pattern: EventPattern as object }),
    ...numbers({ retentionDays: RetentionDays }),
  }));
}

function roleOf(deployed: DeployedTemplate, id: string): LocalRole {
  const arn = deployed.arn(id);
  return {
    id,
    arn,
    identity: (credentials) => {
      const { name, policies } = deployed.role(id);
      return { ...credentials, arn: `arn:aws:sts::${LOCAL_ACCOUNT_ID}:assumed-role/${name}/local`, policies };
    },
  };
}

function nameOf(names: ReadonlyMap<string, string>, arn: string): string {
  const name = names.get(arn);
  if (name === undefined) throw new TypeError(`the template has no queue ${arn}`);
  return name;
}

function withPolicy(policy: object | undefined): { readonly policy?: object } {
  return policy === undefined ? {} : { policy };
}

/** Those that are there; CloudFormation takes numbers as text, too. */
function numbers<K extends string>(given: Readonly<Record<K, unknown>>): { readonly [name in K]?: number } {
  const set = Object.entries(given).filter(([, value]) => value !== undefined);
  return Object.fromEntries(set.map(([name, value]) => [name, Number(value)])) as { [name in K]?: number };
}

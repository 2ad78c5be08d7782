import { Duration, RemovalPolicy, Size } from 'aws-cdk-lib';
import * as iam from 'aws-cdk-lib/aws-iam';
import * as lambda from 'aws-cdk-lib/aws-lambda';
import * as logs from 'aws-cdk-lib/aws-logs';
import { Construct } from 'constructs';
import { allow } from './allow.ts';
import { bundle, RUNTIME } from './bundle.ts';

export interface WaybillFunctionProps {
  readonly description: string;
  /** File of the entry. */
  readonly entry: string;
  /** Name of the export that is called. @default 'handler' */
  readonly exported?: string;
  readonly environment: Readonly<Record<string, string>>;
  readonly timeoutSeconds: number;
  /** In MiB. @default 512 */
  readonly memoryMiB?: number;
  /** Room in `/tmp`, in MiB. @default 512 */
  readonly ephemeralStorageMiB?: number;
  /** Most instances at once; `undefined` leaves it to the account. */
  readonly reservedConcurrency?: number | undefined;
  /** Days that logs are kept. @default 90 */
  readonly logDays?: number;
}

/** A bundled function with a log group of its own and a role that may write to it, and nothing else. */
export class WaybillFunction extends Construct {
  readonly function: lambda.Function;
  readonly role: iam.Role;
  readonly logGroup: logs.LogGroup;

  constructor(scope: Construct, id: string, props: WaybillFunctionProps) {
    super(scope, id);
    const { reservedConcurrency } = props;
    this.logGroup = new logs.LogGroup(this, 'Logs', {
      retention: retentionOf(props.logDays ?? 90),
      removalPolicy: RemovalPolicy.DESTROY,
    });
    this.role = new iam.Role(this, 'Role', {
      assumedBy: new iam.ServicePrincipal('lambda.amazonaws.com'),
      description: props.description,
    });
    allow(this.role, {
      sid: 'Log',
      actions: ['logs:CreateLogStream', 'logs:PutLogEvents'],
      resources: [this.logGroup.logGroupArn],
      because: 'Streams of its own log group.',
    });
    this.function = new lambda.Function(this, 'Function', {
      description: props.description,
      runtime: RUNTIME,
      architecture: lambda.Architecture.ARM_64,
      handler: `index.${props.exported ?? 'handler'}`,
      code: bundle(props.entry),
      memorySize: props.memoryMiB ?? 512,
      ...(props.ephemeralStorageMiB === undefined
        ? {}
        : { ephemeralStorageSize: Size.mebibytes(props.ephemeralStorageMiB) }),
      timeout: Duration.seconds(props.timeoutSeconds),
      role: this.role.withoutPolicyUpdates(),
      logGroup: this.logGroup,
      environment: { ...props.environment },
      ...(reservedConcurrency === undefined ? {} : { reservedConcurrentExecutions: reservedConcurrency }),
    });
    // Without its rights a function that is called at once would fail at once.
    this.function.node.addDependency(this.role);
  }
}

/** The days that CloudWatch Logs knows, the nearest from above. @see https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_PutRetentionPolicy.html */
export function retentionOf(days: number): logs.RetentionDays {
  const known: readonly unknown[] = Object.values(logs.RetentionDays);
  return Math.min(...known.filter((value) => typeof value === 'number').filter((value) => value >= days));
}

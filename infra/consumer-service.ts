import { Duration, RemovalPolicy } from 'aws-cdk-lib';
import type * as ec2 from 'aws-cdk-lib/aws-ec2';
import * as ecs from 'aws-cdk-lib/aws-ecs';
import * as iam from 'aws-cdk-lib/aws-iam';
import * as logs from 'aws-cdk-lib/aws-logs';
import { Construct } from 'constructs';
import { numberInRange } from '../shared/options.ts';
import { acknowledge } from './acknowledge.ts';
import { BacklogScaling } from './backlog-scaling.ts';
import { consumerEnvironment, grantConsumer, type ConsumerAccess } from './consumer-role.ts';
import { containerImage } from './container.ts';
import { retentionOf } from './function.ts';

export interface ConsumerServiceProps extends ConsumerAccess {
  /** Where tasks run; they need a way to S3, SQS, CloudWatch Logs, ECR and the URL service. */
  readonly vpc: ec2.IVpc;
  /** @default - the private subnets */
  readonly subnets?: ec2.SubnetSelection;
  /**
   * The program: a file that runs a worker, which esbuild bundles and the Dockerfile of `infra/consumer-service` packs; or
   * an image of your own.
   */
  readonly program: string | ecs.ContainerImage;
  /** @default - one of its own, with Container Insights, which the scaling reads */
  readonly cluster?: ecs.ICluster;
  /** Units of 1/1024 processor. @default 512 */
  readonly cpu?: number;
  /** In MiB. @default 1024 */
  readonly memoryMiB?: number;
  /** Room for downloads under `/var/waybill`, in GiB, 21 to 200. @default 21 */
  readonly ephemeralStorageGiB?: number;
  /** Fewest tasks, 1 or more: without a task nothing tells how much waits for each. @default 1 */
  readonly minTasks?: number;
  /** Most tasks. @default 10 */
  readonly maxTasks?: number;
  /** Messages that may wait for each task before another is started. @default 100 */
  readonly messagesPerTask?: number;
  /** How long a task may drain after SIGTERM before it is killed, in seconds, 1 to 120. @default 120 */
  readonly stopSeconds?: number;
  /** Port of the worker's health endpoint on loopback; the program reads `WAYBILL_HEALTH_PORT`. @default 9464 */
  readonly healthPort?: number;
  /** Variables beside those of `consumerEnvironment()`. @default - none */
  readonly environment?: Readonly<Record<string, string>>;
  /** Days that logs are kept. @default 90 */
  readonly logDays?: number;
}

/** Where a task may write. */
const WORK_DIRECTORY = '/var/waybill';
const WORK_VOLUME = 'work';

/**
 * A consumer as a Fargate service: for files too large or handlers too slow for a function. Tasks follow the backlog of
 * the queue, drain when they are stopped, and are replaced when their worker is stuck. What a killed task had in hand
 * comes again to another.
 *
 * Cost: about $15 a month for each task of 0.5 processors and 1 GiB on ARM, and Container Insights, about $2 a month.
 *
 * @throws {RangeError} naming the prop
 * @example
 * new ConsumerService(stack, 'Archive', { ...exchange.forConsumer('archive'), vpc, program: 'src/archive.ts' });
 */
export class ConsumerService extends Construct {
  readonly service: ecs.FargateService;
  readonly role: iam.Role;
  readonly logGroup: logs.LogGroup;

  constructor(scope: Construct, id: string, props: ConsumerServiceProps) {
    super(scope, id);
    const { queue, vpc, program, minTasks = 1, maxTasks = 10 } = props;
    numberInRange('minTasks', minTasks, { min: 1, max: maxTasks });
    const messagesPerTask = numberInRange('messagesPerTask', props.messagesPerTask ?? 100, {
      min: 1,
      max: 1e6,
    });
    const stopSeconds = numberInRange('stopSeconds', props.stopSeconds ?? 120, {
      min: 1,
      max: 120,
      unit: 's',
    });
    const healthPort = numberInRange('healthPort', props.healthPort ?? 9464, { min: 1024, max: 65_535 });
    this.logGroup = new logs.LogGroup(this, 'Logs', {
      retention: retentionOf(props.logDays ?? 90),
      removalPolicy: RemovalPolicy.DESTROY,
    });
    this.role = new iam.Role(this, 'Role', {
      assumedBy: new iam.ServicePrincipal('ecs-tasks.amazonaws.com'),
      description: `Consumes as ${queue.consumer}.`,
    });
    grantConsumer(this.role, props);
    const task = taskOf(this, this.role, props);
    const container = task.addContainer('Worker', {
      image: typeof program === 'string' ? containerImage(this, program) : program,
      readonlyRootFilesystem: true,
      stopTimeout: Duration.seconds(stopSeconds),
      environment: {
        ...props.environment,
        ...consumerEnvironment(props),
        WAYBILL_HEALTH_PORT: String(healthPort),
        TMPDIR: WORK_DIRECTORY,
      },
      logging: ecs.LogDriver.awsLogs({ streamPrefix: queue.consumer, logGroup: this.logGroup }),
      // A process 1 that passes signals on and buries what has died.
      linuxParameters: new ecs.LinuxParameters(this, 'Linux', { initProcessEnabled: true }),
      healthCheck: {
        // Alive, not ready: a worker that waits for the URL service to come back must not be killed for it.
        command: ['CMD', 'node', '-e', aliveProgram(healthPort)],
        interval: Duration.seconds(30),
        timeout: Duration.seconds(10),
        retries: 3,
        startPeriod: Duration.seconds(60),
      },
    });
    container.addMountPoints({ containerPath: WORK_DIRECTORY, sourceVolume: WORK_VOLUME, readOnly: false });
    this.service = new ecs.FargateService(this, 'Service', {
      cluster: props.cluster ?? clusterOf(this, vpc),
      taskDefinition: task,
      ...(props.subnets === undefined ? {} : { vpcSubnets: props.subnets }),
      assignPublicIp: false,
      minHealthyPercent: 100,
      maxHealthyPercent: 200,
      circuitBreaker: { rollback: true },
    });
    // How many run is for the scaling to say: a deployment would set it back.
    (this.service.node.defaultChild as ecs.CfnService).addPropertyDeletionOverride('DesiredCount');
    this.service.node.addDependency(this.role);
    new BacklogScaling(this, 'Scaling', {
      service: this.service,
      queue: queue.queue,
      minTasks,
      maxTasks,
      messagesPerTask,
    });
  }
}

function taskOf(
  scope: Construct,
  taskRole: iam.Role,
  { cpu = 512, memoryMiB = 1024, ephemeralStorageGiB = 21 }: ConsumerServiceProps,
): ecs.FargateTaskDefinition {
  const task = new ecs.FargateTaskDefinition(scope, 'Task', {
    cpu,
    memoryLimitMiB: memoryMiB,
    ephemeralStorageGiB: numberInRange('ephemeralStorageGiB', ephemeralStorageGiB, {
      min: 21,
      max: 200,
      unit: 'GiB',
    }),
    taskRole: taskRole.withoutPolicyUpdates(),
    runtimePlatform: {
      cpuArchitecture: ecs.CpuArchitecture.ARM64,
      operatingSystemFamily: ecs.OperatingSystemFamily.LINUX,
    },
    volumes: [{ name: WORK_VOLUME }],
  });
  acknowledge(task, 'ECS2', 'The variables are names and addresses; no secret is among them.');
  const executionRole = task.obtainExecutionRole();
  acknowledge(
    executionRole,
    'IAM5[Resource::*]',
    'ecr:GetAuthorizationToken, which AWS allows for no narrower resource.',
  );
  return task;
}

function clusterOf(scope: Construct, vpc: ec2.IVpc): ecs.ICluster {
  return new ecs.Cluster(scope, 'Cluster', {
    vpc,
    containerInsightsV2: ecs.ContainerInsights.ENABLED,
    enableFargateCapacityProviders: true,
  }) as ecs.ICluster;
}

/** Asks the worker whether it is alive: the image has no curl. */
function aliveProgram(port: number): string {
  return `fetch('http://127.0.0.1:${port}/healthz').then((r) => process.exit(r.ok ? 0 : 1), () => process.exit(1))`;
}

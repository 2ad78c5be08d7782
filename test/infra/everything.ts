import * as ec2 from 'aws-cdk-lib/aws-ec2';
import { fileURLToPath } from 'node:url';
import { App } from 'aws-cdk-lib';
import { Template } from 'aws-cdk-lib/assertions';
import {
  ConsumerFunction,
  ConsumerService,
  ExchangeStack,
  type ConsumerFunctionProps,
  type ConsumerServiceProps,
  type ExchangeStackProps,
} from '../../infra/index.ts';
import type { CloudFormation } from '../helpers/cloudformation.ts';
import { TOPOLOGY } from './synth.ts';

export const PROGRAM = fileURLToPath(new URL('fixtures/consumer-function.ts', import.meta.url));

export const UPLOADS = {
  policy: { types: { 'form.uploaded': { mediaTypes: ['application/pdf'], maxSizeBytes: 100 * 1024 ** 2 } } },
  tokens: {
    issuer: 'https://login.example.com',
    audience: 'waybill-uploads',
    keysUrl: 'https://login.example.com/keys',
  },
  page: { clientId: 'waybill-page' },
} satisfies ExchangeStackProps['uploads'];

export const TOPIC = 'arn:aws:sns:eu-central-1:123456789012:oncall';

/** An exchange with uploads, alarms, and two ways to run a consumer: all that there is in one stack. */
export function synthEverything(
  props: Partial<ExchangeStackProps> = {},
  consumer: {
    readonly function?: Partial<ConsumerFunctionProps>;
    readonly service?: Partial<ConsumerServiceProps>;
  } = {},
): {
  readonly stack: ExchangeStack;
  readonly archive: ConsumerFunction;
  readonly ledger: ConsumerService;
  readonly template: Template;
  readonly json: CloudFormation;
} {
  const app = new App({ context: { 'aws:cdk:bundling-stacks': [] } });
  const consumers = TOPOLOGY.consumers.map((consumer) =>
    consumer.name === 'archive' ? { ...consumer, visibilityTimeoutSeconds: 360 } : consumer,
  );
  const stack = new ExchangeStack(app, 'Exchange', {
    topology: { ...TOPOLOGY, consumers },
    uploads: UPLOADS,
    alarmTopicArn: TOPIC,
    alarmThresholds: { bytesPerSecond: 1e9 },
    ...props,
  });
  const archive = new ConsumerFunction(stack, 'ArchiveFunction', {
    ...stack.forConsumer('archive'),
    entry: PROGRAM,
    ...consumer.function,
  });
  const vpc = ec2.Vpc.fromVpcAttributes(stack, 'Vpc', {
    vpcId: 'vpc-0123456789abcdef0',
    availabilityZones: ['eu-central-1a'],
    privateSubnetIds: ['subnet-0123456789abcdef0'],
  });
  const ledger = new ConsumerService(stack, 'LedgerService', {
    ...stack.forConsumer('ledger'),
    vpc,
    program: PROGRAM,
    ...consumer.service,
  });
  const template = Template.fromStack(stack);
  return { stack, archive, ledger, template, json: template.toJSON() as CloudFormation };
}

import { App } from 'aws-cdk-lib';
import { Template } from 'aws-cdk-lib/assertions';
import { ExchangeStack, type ExchangeStackProps } from '../../infra/index.ts';
import type { TopologyInput } from '../../shared/topology.ts';
import type { CloudFormation } from '../helpers/cloudformation.ts';

/** Two producers, two consumers, a page: enough for everyone to be somebody else's stranger. */
export const TOPOLOGY = {
  name: 'acme',
  producers: [
    { name: 'scanner', types: ['scan.made', 'scan.gone'] },
    { name: 'billing', principals: ['arn:aws:iam::210987654321:role/billing'] },
  ],
  consumers: [
    { name: 'archive', types: ['scan.made'], producers: ['scanner'] },
    { name: 'ledger', maxReceiveCount: 5, principals: ['210987654321'] },
  ],
  origins: ['https://app.example.com'],
} satisfies TopologyInput;

/** Synthesizes an exchange in memory. Functions are not bundled unless asked for. */
export function synth(
  props: Partial<ExchangeStackProps> = {},
  { bundling = false }: { readonly bundling?: boolean } = {},
): { readonly stack: ExchangeStack; readonly template: Template; readonly json: CloudFormation } {
  const app = new App({ context: bundling ? {} : { 'aws:cdk:bundling-stacks': [] } });
  const stack = new ExchangeStack(app, 'Exchange', { topology: TOPOLOGY, ...props });
  const template = Template.fromStack(stack);
  return { stack, template, json: template.toJSON() as CloudFormation };
}

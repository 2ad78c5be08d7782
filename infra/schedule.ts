import * as events from 'aws-cdk-lib/aws-events';
import * as iam from 'aws-cdk-lib/aws-iam';
import * as lambda from 'aws-cdk-lib/aws-lambda';
import { Construct } from 'constructs';
import { numberInRange } from '../shared/options.ts';
import type { WaybillFunction } from './function.ts';

export interface ScheduleProps {
  readonly function: WaybillFunction;
  readonly everyMinutes: number;
  readonly description: string;
}

/** Calls a function every so many minutes. A run that fails is not repeated: the next one does its work. */
export class Schedule extends Construct {
  readonly rule: events.CfnRule;

  constructor(scope: Construct, id: string, props: ScheduleProps) {
    super(scope, id);
    const minutes = numberInRange('everyMinutes', props.everyMinutes, { min: 1, max: 1_440, unit: 'min' });
    const { functionArn } = props.function.function;
    this.rule = new events.CfnRule(this, 'Rule', {
      description: props.description,
      scheduleExpression: `rate(${minutes} ${minutes === 1 ? 'minute' : 'minutes'})`,
      targets: [{ id: 'function', arn: functionArn, retryPolicy: { maximumRetryAttempts: 0 } }],
    });
    letCall(this, props.function, 'events.amazonaws.com', this.rule.attrArn);
    new lambda.CfnEventInvokeConfig(this, 'NoRetry', {
      functionName: props.function.function.functionName,
      qualifier: '$LATEST',
      maximumRetryAttempts: 0,
    });
  }
}

/** Lets a service call a function, for one of its resources only. */
export function letCall(
  scope: Construct,
  { function: called }: WaybillFunction,
  service: string,
  sourceArn: string,
): void {
  called.addPermission(`${scope.node.id}May`, {
    principal: new iam.ServicePrincipal(service),
    action: 'lambda:InvokeFunction',
    sourceArn,
    scope,
  });
}

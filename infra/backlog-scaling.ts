import * as scaling from 'aws-cdk-lib/aws-applicationautoscaling';
import type * as ecs from 'aws-cdk-lib/aws-ecs';
import type * as sqs from 'aws-cdk-lib/aws-sqs';
import { Construct } from 'constructs';

export interface BacklogScalingProps {
  readonly service: ecs.FargateService;
  readonly queue: sqs.IQueue;
  readonly minTasks: number;
  readonly maxTasks: number;
  /** Messages that may wait for each task that runs. */
  readonly messagesPerTask: number;
}

/**
 * Keeps the number of messages that wait for each running task near a target. The number of messages alone would not
 * do: it says nothing of how many hands there are.
 * @see https://docs.aws.amazon.com/autoscaling/application/userguide/application-auto-scaling-target-tracking-metric-math.html
 */
export class BacklogScaling extends Construct {
  constructor(scope: Construct, id: string, props: BacklogScalingProps) {
    super(scope, id);
    const { service, queue, minTasks, maxTasks, messagesPerTask } = props;
    const { clusterName } = service.cluster;
    const target = new scaling.CfnScalableTarget(this, 'Target', {
      serviceNamespace: 'ecs',
      scalableDimension: 'ecs:service:DesiredCount',
      resourceId: `service/${clusterName}/${service.serviceName}`,
      minCapacity: minTasks,
      maxCapacity: maxTasks,
    });
    new scaling.CfnScalingPolicy(this, 'Policy', {
      policyName: 'backlog-per-task',
      policyType: 'TargetTrackingScaling',
      scalingTargetId: target.ref,
      targetTrackingScalingPolicyConfiguration: {
        targetValue: messagesPerTask,
        // Out at once, in slowly: a task that stops has work to hand back.
        scaleOutCooldown: 60,
        scaleInCooldown: 300,
        customizedMetricSpecification: {
          metrics: [
            metric('waiting', 'AWS/SQS', 'ApproximateNumberOfMessagesVisible', 'Sum', {
              QueueName: queue.queueName,
            }),
            metric('tasks', 'ECS/ContainerInsights', 'RunningTaskCount', 'Average', {
              ClusterName: clusterName,
              ServiceName: service.serviceName,
            }),
            {
              id: 'backlog',
              label: 'Messages for each task',
              expression: 'waiting / tasks',
              returnData: true,
            },
          ],
        },
      },
    });
  }
}

function metric(
  id: string,
  namespace: string,
  metricName: string,
  stat: string,
  dimensions: Readonly<Record<string, string>>,
): scaling.CfnScalingPolicy.TargetTrackingMetricDataQueryProperty {
  return {
    id,
    returnData: false,
    metricStat: {
      stat,
      metric: {
        namespace,
        metricName,
        dimensions: Object.entries(dimensions).map(([name, value]) => ({ name, value })),
      },
    },
  };
}

import * as cloudwatch from 'aws-cdk-lib/aws-cloudwatch';
import { Construct } from 'constructs';
import type { ConsumerQueue } from './consumer-queue.ts';
import type { ExchangeAlarms } from './exchange-alarms.ts';
import { functionMetric, oldestAge, waiting, type ExchangeMetrics } from './exchange-metrics.ts';
import type { UrlService } from './url-service.ts';

export interface ExchangeDashboardProps {
  readonly dashboardName: string;
  readonly metrics: ExchangeMetrics;
  readonly alarms: ExchangeAlarms;
  readonly urlService: UrlService;
  readonly consumers: readonly ConsumerQueue[];
}

/**
 * One page for an exchange: what is wrong, what waits and how long, what moves, and how often URLs are fetched anew.
 *
 * Cost: $3 a month.
 */
export class ExchangeDashboard extends Construct {
  readonly dashboard: cloudwatch.Dashboard;

  constructor(scope: Construct, id: string, props: ExchangeDashboardProps) {
    super(scope, id);
    const { metrics, alarms, consumers, urlService } = props;
    const { function: called } = urlService;
    const graph = (
      title: string,
      left: readonly cloudwatch.IMetric[],
      right: readonly cloudwatch.IMetric[] = [],
    ): cloudwatch.GraphWidget =>
      new cloudwatch.GraphWidget({ title, left: [...left], right: [...right], width: 12, height: 6 });
    const of = (
      metric: (queue: ConsumerQueue['queue']) => cloudwatch.Metric,
      queue: 'queue' | 'deadLetterQueue' | 'undeliveredQueue',
      suffix = '',
    ): cloudwatch.Metric[] =>
      consumers.map((consumer) => metric(consumer[queue]).with({ label: `${consumer.consumer}${suffix}` }));
    this.dashboard = new cloudwatch.Dashboard(this, 'Dashboard', {
      dashboardName: props.dashboardName,
      widgets: [
        [new cloudwatch.AlarmStatusWidget({ alarms: [...alarms.alarms.values()], width: 24, height: 4 })],
        [
          graph('Messages that wait', of(waiting, 'queue')),
          graph('Age of the oldest message, seconds', of(oldestAge, 'queue')),
        ],
        [
          graph('Dead letters', [
            ...of(waiting, 'deadLetterQueue'),
            ...of(waiting, 'undeliveredQueue', ', undelivered'),
          ]),
          graph('Events delivered', metrics.delivered),
        ],
        [
          graph('Payloads, bytes/s', [metrics.downloadedPerSecond, metrics.uploadedPerSecond]),
          graph('Requests that S3 refuses, %', [metrics.refusalPercent]),
        ],
        [
          graph('Fresh URLs', [metrics.urlsGranted, metrics.claimChecksRefused], [metrics.refetchRate]),
          graph('URL service', [
            functionMetric('Invocations', called),
            functionMetric('Errors', called),
            functionMetric('Throttles', called),
            functionMetric('Url4xxCount', called),
            functionMetric('Url5xxCount', called),
          ]),
        ],
      ],
    });
  }
}

import { Duration, Fn } from 'aws-cdk-lib';
import * as cloudwatch from 'aws-cdk-lib/aws-cloudwatch';
import type * as events from 'aws-cdk-lib/aws-events';
import * as logs from 'aws-cdk-lib/aws-logs';
import type * as sqs from 'aws-cdk-lib/aws-sqs';
import { Construct } from 'constructs';
import type { ConsumerQueue } from './consumer-queue.ts';
import type { ExchangeBus } from './exchange-bus.ts';
import type { WaybillFunction } from './function.ts';
import { REQUEST_METRICS_ID, type PayloadBucket } from './payload-bucket.ts';
import type { UrlService } from './url-service.ts';

const PERIOD = Duration.minutes(5);
const PERIOD_SECONDS = PERIOD.toSeconds();

export interface ExchangeMetricsProps {
  readonly bus: ExchangeBus;
  readonly payloads: PayloadBucket;
  readonly urlService: UrlService;
  readonly consumers: readonly ConsumerQueue[];
  /** Namespace of the metrics that logs are counted into. */
  readonly namespace: string;
}

/** What the dashboard shows and the alarms watch, in periods of five minutes. */
export class ExchangeMetrics extends Construct {
  /** URLs that the URL service gave. */
  readonly urlsGranted: cloudwatch.IMetric;
  /** Claim checks that it refused with 403. */
  readonly claimChecksRefused: cloudwatch.IMetric;
  /** Fresh URLs for each GET of a payload: 1 when every URL was over, and each payload took one GET. */
  readonly refetchRate: cloudwatch.IMetric;
  /** Percentage of requests for payloads that S3 refuses; it counts all of 4xx, of which 403 is nearly all. */
  readonly refusalPercent: cloudwatch.IMetric;
  readonly downloadedPerSecond: cloudwatch.IMetric;
  readonly uploadedPerSecond: cloudwatch.IMetric;
  /** Both directions. */
  readonly bytesPerSecond: cloudwatch.IMetric;
  /** Events delivered, by consumer. */
  readonly delivered: readonly cloudwatch.IMetric[];

  constructor(scope: Construct, id: string, props: ExchangeMetricsProps) {
    super(scope, id);
    const { bus, payloads, urlService, consumers, namespace } = props;
    const counted = (name: string, outcome: string): cloudwatch.IMetric => {
      const filter = new logs.MetricFilter(this, name, {
        logGroup: urlService.function.logGroup,
        filterPattern: logs.FilterPattern.stringValue('$.outcome', '=', outcome),
        metricNamespace: namespace,
        metricName: name,
        metricValue: '1',
      });
      return filter.metric({ statistic: 'Sum', period: PERIOD, label: name });
    };
    this.urlsGranted = counted('UrlsGranted', 'granted');
    this.claimChecksRefused = counted('ClaimChecksRefused', 'forbidden');

    this.delivered = consumers.map(({ consumer, rule }) =>
      ruleMetric('Invocations', rule, bus).with({ label: consumer }),
    );

    const s3 = (metricName: string): cloudwatch.Metric => s3Metric(metricName, payloads);
    this.refetchRate = ratio('Refetches per GET', this.urlsGranted, s3('GetRequests'), 1);
    this.refusalPercent = ratio('Refused, % of requests', s3('4xxErrors'), s3('AllRequests'), 100);
    this.downloadedPerSecond = perSecond('down', 'Downloaded, bytes/s', s3('BytesDownloaded'));
    this.uploadedPerSecond = perSecond('up', 'Uploaded, bytes/s', s3('BytesUploaded'));
    this.bytesPerSecond = sum('Bytes/s', [this.downloadedPerSecond, this.uploadedPerSecond]);
  }
}

/** A metric of a rule on a bus. @see https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-monitoring.html */
export function ruleMetric(metricName: string, rule: events.CfnRule, bus?: ExchangeBus): cloudwatch.Metric {
  return new cloudwatch.Metric({
    namespace: 'AWS/Events',
    metricName,
    dimensionsMap:
      bus === undefined
        ? { RuleName: nameIn(rule.attrArn, 1) }
        : { RuleName: nameIn(rule.attrArn, 2), EventBusName: bus.busName },
    statistic: 'Sum',
    period: PERIOD,
  });
}

/** A name out of an ARN, `…:rule/<bus>/<name>`: of a bus's own rule `Ref` says `<bus>|<name>`. */
function nameIn(arn: string, segment: number): string {
  return Fn.select(segment, Fn.split('/', arn));
}

/** Messages that lie in a queue. */
export function waiting(queue: sqs.IQueue): cloudwatch.Metric {
  return queue.metricApproximateNumberOfMessagesVisible({ statistic: 'Maximum', period: PERIOD });
}

/** Age of the oldest message, in seconds. */
export function oldestAge(queue: sqs.IQueue): cloudwatch.Metric {
  return queue.metricApproximateAgeOfOldestMessage({ statistic: 'Maximum', period: PERIOD });
}

/** A metric of a function: `Errors`, `Throttles`, `Url5xxCount`. */
export function functionMetric(
  metricName: string,
  { function: { functionName } }: WaybillFunction,
): cloudwatch.Metric {
  return new cloudwatch.Metric({
    namespace: 'AWS/Lambda',
    metricName,
    dimensionsMap: { FunctionName: functionName },
    statistic: 'Sum',
    period: PERIOD,
  });
}

/** A request metric of the bucket. @see https://docs.aws.amazon.com/AmazonS3/latest/userguide/metrics-dimensions.html */
function s3Metric(metricName: string, { bucket }: PayloadBucket): cloudwatch.Metric {
  return new cloudwatch.Metric({
    namespace: 'AWS/S3',
    metricName,
    dimensionsMap: { BucketName: bucket.bucketName, FilterId: REQUEST_METRICS_ID },
    statistic: 'Sum',
    period: PERIOD,
  });
}

/** The sum of metrics; an alarm takes ten at most. */
export function sum(label: string, metrics: readonly cloudwatch.IMetric[]): cloudwatch.IMetric {
  const named = metrics.map((metric, index) => [`m${index}`, metric] as const);
  return new cloudwatch.MathExpression({
    label,
    expression: named.map(([name]) => `FILL(${name}, 0)`).join(' + '),
    usingMetrics: Object.fromEntries(named),
    period: PERIOD,
  });
}

/** One metric in relation to another, from a hundred of the other on: of three requests one is not a rate. */
function ratio(
  label: string,
  part: cloudwatch.IMetric,
  whole: cloudwatch.IMetric,
  factor: number,
): cloudwatch.IMetric {
  return new cloudwatch.MathExpression({
    label,
    expression: `IF(whole >= 100, ${factor} * FILL(part, 0) / whole, 0)`,
    usingMetrics: { part, whole },
    period: PERIOD,
  });
}

/** @param id names it within other expressions */
function perSecond(id: string, label: string, bytes: cloudwatch.IMetric): cloudwatch.IMetric {
  return new cloudwatch.MathExpression({
    label,
    expression: `${id} / ${PERIOD_SECONDS}`,
    usingMetrics: { [id]: bytes },
    period: PERIOD,
  });
}

import * as cloudwatch from 'aws-cdk-lib/aws-cloudwatch';
import { SnsAction } from 'aws-cdk-lib/aws-cloudwatch-actions';
import type * as sns from 'aws-cdk-lib/aws-sns';
import { Construct } from 'constructs';
import type { ConsumerQueue } from './consumer-queue.ts';
import type { DeliveredQueue } from './delivered-queue.ts';
import type { ExchangeBus } from './exchange-bus.ts';
import {
  functionMetric,
  oldestAge,
  ruleMetric,
  sum,
  waiting,
  type ExchangeMetrics,
} from './exchange-metrics.ts';
import type { WaybillFunction } from './function.ts';
import type { UrlService } from './url-service.ts';

/** From where on somebody is told. */
export interface AlarmThresholds {
  /** Age of the oldest message of a consumer's queue, in seconds. @default 3600 */
  readonly oldestMessageSeconds?: number;
  /** Requests for payloads that S3 refuses, in percent of all. @default 5 */
  readonly refusalPercent?: number;
  /** Claim checks that the URL service refuses with 403, in five minutes. @default 20 */
  readonly claimChecksRefused?: number;
  /** Fresh URLs for each GET of a payload; above 1 it never goes off, for events that carry no URLs. @default 0.5 */
  readonly refetchRate?: number;
  /** Bytes of payloads a second, both directions together. @default - no alarm */
  readonly bytesPerSecond?: number;
}

export interface ExchangeAlarmsProps {
  /** Begins the names of the alarms. */
  readonly name: string;
  readonly metrics: ExchangeMetrics;
  readonly bus: ExchangeBus;
  readonly urlService: UrlService;
  readonly consumers: readonly ConsumerQueue[];
  /** Other queues, by a word for the names of their alarms. @default - none */
  readonly queues?: Readonly<Record<string, DeliveredQueue>>;
  /** Other functions, whose every error is told, by a word for the names of their alarms. @default - none */
  readonly functions?: Readonly<Record<string, WaybillFunction>>;
  readonly thresholds?: AlarmThresholds;
  /** Who is told. @default - nobody: alarms only show */
  readonly topic?: sns.ITopic;
}

interface Watched {
  readonly name: string;
  readonly metric: cloudwatch.IMetric;
  /** The alarm goes off above it. */
  readonly above: number;
  /** Periods of five minutes in a row. @default 1 */
  readonly periods?: number;
  readonly meaning: string;
}

/**
 * An alarm for each thing that needs a person; `docs/operations.md` says what to do about it.
 *
 * Cost: $0.10 a month for each alarm: 4 for each consumer and about 10 more.
 */
export class ExchangeAlarms extends Construct {
  /** By name. */
  readonly alarms: ReadonlyMap<string, cloudwatch.Alarm>;

  constructor(scope: Construct, id: string, props: ExchangeAlarmsProps) {
    super(scope, id);
    const { consumers, queues = {}, functions = {}, topic } = props;
    const watched = [
      ...consumers.flatMap((consumer) => consumerAlarms(consumer, props)),
      ...Object.entries(queues).flatMap(([word, queue]) => queueAlarms(word, queue)),
      ...urlServiceAlarms(props),
      ...payloadAlarms(props),
      ...Object.entries(functions).map(([word, called]) => ({
        name: `${word}-errors`,
        metric: functionMetric('Errors', called),
        above: 0,
        meaning: `The function ${word} failed; its log says why.`,
      })),
    ];
    this.alarms = new Map(watched.map((each) => [each.name, this.#add(props.name, each, topic)]));
  }

  #add(prefix: string, watched: Watched, topic: sns.ITopic | undefined): cloudwatch.Alarm {
    const { name, metric, above, periods = 1, meaning } = watched;
    const alarm = new cloudwatch.Alarm(this, name, {
      alarmName: `${prefix}-${name}`,
      alarmDescription: `${meaning} See docs/operations.md.`,
      metric,
      threshold: above,
      comparisonOperator: cloudwatch.ComparisonOperator.GREATER_THAN_THRESHOLD,
      evaluationPeriods: periods,
      treatMissingData: cloudwatch.TreatMissingData.NOT_BREACHING,
    });
    if (topic !== undefined) {
      alarm.addAlarmAction(new SnsAction(topic));
      alarm.addOkAction(new SnsAction(topic));
    }
    return alarm;
  }
}

function queueAlarms(word: string, queue: DeliveredQueue, bus?: ExchangeBus): Watched[] {
  return [
    {
      name: `${word}-dead-letters`,
      metric: waiting(queue.deadLetterQueue),
      above: 0,
      meaning: `Messages for ${word} that could not be handled lie in its dead-letter queue.`,
    },
    {
      name: `${word}-undelivered`,
      metric: waiting(queue.undeliveredQueue),
      above: 0,
      meaning: `Events that EventBridge could not deliver to ${word} lie in the dead-letter queue of its rule.`,
    },
    {
      name: `${word}-failed-invocations`,
      metric: ruleMetric('FailedInvocations', queue.rule, bus),
      above: 0,
      meaning: `EventBridge gave up delivering events to ${word}.`,
    },
  ];
}

function consumerAlarms(consumer: ConsumerQueue, { bus, thresholds }: ExchangeAlarmsProps): Watched[] {
  const { oldestMessageSeconds = 3_600 } = thresholds ?? {};
  return [
    ...queueAlarms(consumer.consumer, consumer, bus),
    {
      name: `${consumer.consumer}-oldest-message`,
      metric: oldestAge(consumer.queue),
      above: oldestMessageSeconds,
      periods: 3,
      meaning: `The oldest message of ${consumer.consumer} waits for more than ${oldestMessageSeconds} s: it does not run, or not fast enough.`,
    },
  ];
}

function urlServiceAlarms({ urlService, metrics, thresholds }: ExchangeAlarmsProps): Watched[] {
  const { function: called } = urlService;
  const { claimChecksRefused = 20 } = thresholds ?? {};
  return [
    {
      name: 'url-service-errors',
      metric: sum('URL service: errors and 5xx', [
        functionMetric('Errors', called),
        functionMetric('Url5xxCount', called),
      ]),
      above: 0,
      periods: 2,
      meaning: 'The URL service fails: consumers whose URLs expired wait.',
    },
    {
      name: 'url-service-throttles',
      metric: functionMetric('Throttles', called),
      above: 0,
      periods: 2,
      meaning: 'The URL service is called more often than its reserved concurrency lets it answer.',
    },
    {
      name: 'claim-checks-refused',
      metric: metrics.claimChecksRefused,
      above: claimChecksRefused,
      meaning:
        'Somebody presents claim checks that give nothing: a key is missing, a right, or it is an attack.',
    },
  ];
}

function payloadAlarms({ metrics, thresholds }: ExchangeAlarmsProps): Watched[] {
  const { refusalPercent = 5, refetchRate = 0.5, bytesPerSecond } = thresholds ?? {};
  return [
    {
      name: 'payload-refusals',
      metric: metrics.refusalPercent,
      above: refusalPercent,
      periods: 3,
      meaning: `S3 refuses more than ${refusalPercent} % of the requests for payloads: expired URLs, or a policy or key that is broken.`,
    },
    {
      name: 'refetch-rate',
      metric: metrics.refetchRate,
      above: refetchRate,
      periods: 3,
      meaning:
        'Events reach consumers with URLs that are over: they wait too long, or the URLs live too short.',
    },
    ...(bytesPerSecond === undefined
      ? []
      : [
          {
            name: 'bytes-per-second',
            metric: metrics.bytesPerSecond,
            above: bytesPerSecond,
            meaning: 'More bytes move than expected: traffic that leaves the region is paid for.',
          },
        ]),
  ];
}

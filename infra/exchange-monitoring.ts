import * as sns from 'aws-cdk-lib/aws-sns';
import type { Construct } from 'constructs';
import { ExchangeAlarms, type AlarmThresholds } from './exchange-alarms.ts';
import { ExchangeDashboard } from './exchange-dashboard.ts';
import { ExchangeMetrics } from './exchange-metrics.ts';
import type { ExchangeParts } from './exchange-parts.ts';

export interface MonitoringSettings {
  /** From where on the alarms go off. @default - the alarms' own */
  readonly alarmThresholds?: AlarmThresholds;
  /** ARN of the SNS topic that is told of alarms. @default - nobody is told */
  readonly alarmTopicArn?: string;
}

/** Gives an exchange its metrics, alarms and dashboard. */
export function addMonitoring(
  exchange: Construct & ExchangeParts,
  { alarmTopicArn, alarmThresholds }: MonitoringSettings,
): ExchangeAlarms {
  const { topology, bus, payloads, urlService, uploads, sweeper } = exchange;
  const consumers = [...exchange.consumers.values()].map(({ queue }) => queue);
  const metrics = new ExchangeMetrics(exchange, 'Metrics', {
    bus,
    payloads,
    urlService,
    consumers,
    namespace: `Waybill/${topology.name}`,
  });
  const alarms = new ExchangeAlarms(exchange, 'Alarms', {
    name: topology.name,
    metrics,
    bus,
    urlService,
    consumers,
    ...(uploads === undefined ? {} : { queues: { 'upload-intake': uploads.intake.delivered } }),
    functions: {
      'key-rotation': exchange.rotation.function,
      ...(sweeper === undefined ? {} : { sweeper: sweeper.function }),
      ...(uploads === undefined
        ? {}
        : {
            'upload-service': uploads.http,
            'upload-intake': uploads.intake.function,
            'upload-sweep': uploads.sweep,
          }),
    },
    ...(alarmThresholds === undefined ? {} : { thresholds: alarmThresholds }),
    ...(alarmTopicArn === undefined
      ? {}
      : { topic: sns.Topic.fromTopicArn(exchange, 'AlarmTopic', alarmTopicArn) }),
  });
  new ExchangeDashboard(exchange, 'Dashboard', {
    dashboardName: topology.name,
    metrics,
    alarms,
    urlService,
    consumers,
  });
  return alarms;
}

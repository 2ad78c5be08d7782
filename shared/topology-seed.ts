import {
  archivePattern,
  consumerNames,
  consumerRulePattern,
  exchangeNames,
  type Topology,
} from './topology.ts';

/**
 * What the embedded stack needs to be this exchange: buckets, bus, archive, queues with their dead-letter queues,
 * and one rule for each consumer. Plain data of the shape that `startLocal` takes.
 */
export function topologySeed(topology: Topology) {
  const { payloadBucket, controlBucket, bus, archive } = exchangeNames(topology);
  const consumers = topology.consumers.map((consumer) => ({
    consumer,
    names: consumerNames(topology, consumer.name),
  }));
  return {
    buckets: [payloadBucket, controlBucket],
    buses: [bus],
    archives: [
      { name: archive, bus, pattern: archivePattern, retentionDays: topology.archive.retentionDays },
    ],
    queues: consumers.map(({ consumer, names }) => ({
      name: names.queue,
      deadLetterQueue: names.deadLetterQueue,
      maxReceiveCount: consumer.maxReceiveCount,
      visibilityTimeoutSeconds: consumer.visibilityTimeoutSeconds,
    })),
    rules: consumers.map(({ consumer, names }) => ({
      bus,
      name: names.rule,
      pattern: consumerRulePattern(consumer),
      queue: names.queue,
    })),
  };
}

import { Stack } from 'aws-cdk-lib';
import { Construct } from 'constructs';
import { PAYLOAD_PREFIX } from '../shared/topology.ts';
import { allow } from './allow.ts';
import { entryOf } from './bundle.ts';
import { allowKey, type ControlBucket } from './control-bucket.ts';
import type { ExchangeBus } from './exchange-bus.ts';
import { WaybillFunction } from './function.ts';
import type { PayloadBucket } from './payload-bucket.ts';
import { Schedule } from './schedule.ts';
import { controlJson, storesJson } from './stores-json.ts';

export interface SweeperProps {
  /** Producers whose outbox and intents are swept. */
  readonly producers: readonly string[];
  readonly payloads: PayloadBucket;
  readonly control: ControlBucket;
  readonly bus: ExchangeBus;
  /** How often it runs, in minutes, 1 to 1,440: how long an event may wait that its publisher left behind. @default 5 */
  readonly everyMinutes?: number;
  /** Remove what publishers left unfinished for more than a week. Reported it is in any case. @default false */
  readonly deleteUnfinished?: boolean;
  /** Life of the URLs in the events that it publishes, in seconds. @default 900 */
  readonly urlTtlSeconds?: number;
  /** Days that logs are kept. @default 90 */
  readonly logDays?: number;
}

/**
 * Publishes what a crash left in a producer's outbox, and reports what was uploaded and never published. One run at a
 * time; `ExchangeBus.reserveSource()` must know its role.
 *
 * Cost: below $0.10 a month: 8,640 runs of a second or two, and the listings of the control bucket.
 */
export class Sweeper extends Construct {
  readonly function: WaybillFunction;

  constructor(scope: Construct, id: string, props: SweeperProps) {
    super(scope, id);
    const { producers, payloads, control, bus, everyMinutes = 5, deleteUnfinished = false } = props;
    this.function = new WaybillFunction(this, 'Sweep', {
      description: 'Waybill: publishes what a crash left behind.',
      entry: entryOf('producers/sweeper/function-entry'),
      timeoutSeconds: Math.min(900, everyMinutes * 60),
      reservedConcurrency: 1,
      environment: {
        WAYBILL_PRODUCERS: Stack.of(this).toJsonString([...producers]),
        WAYBILL_STORES: storesJson(payloads),
        WAYBILL_CONTROL: controlJson(control),
        WAYBILL_URL_TTL_SECONDS: String(props.urlTtlSeconds ?? 900),
        ...(deleteUnfinished ? { WAYBILL_DELETE: 'true' } : {}),
      },
      ...(props.logDays === undefined ? {} : { logDays: props.logDays }),
    });
    new Schedule(this, 'Schedule', {
      function: this.function,
      everyMinutes,
      description: 'Sweeps outboxes and intents.',
    });
    this.#allow(producers, payloads, control, bus, deleteUnfinished);
  }

  #allow(
    producers: readonly string[],
    payloads: PayloadBucket,
    control: ControlBucket,
    bus: ExchangeBus,
    mayDelete: boolean,
  ): void {
    const { role } = this.function;
    const objects = producers.map((name) => payloads.objectsUnder(`${PAYLOAD_PREFIX}${name}/`));
    control.grant(role, {
      sid: 'Records',
      right: 'write',
      prefixes: producers.flatMap((name) => [`intents/${name}/`, `outbox/${name}/`]),
      because: "It finishes what stands in the producers' records, whose names hold the events' ids.",
    });
    control.grant(role, {
      sid: 'Ledger',
      right: 'create',
      prefixes: producers.map((name) => `ledger/*/${name}/`),
      because: 'What it publishes goes into the ledger, by day and hour and below by producer.',
    });
    bus.grantRepublish(role, producers);
    allow(role, {
      sid: 'SignUrls',
      actions: ['s3:GetObjectVersion'],
      resources: objects,
      because: 'The events that it publishes carry fresh URLs, which have its rights.',
    });
    allow(role, {
      sid: 'LookForPayloads',
      actions: ['s3:ListBucketVersions', 's3:ListBucketMultipartUploads'],
      resources: [payloads.bucket.bucketArn],
      conditions: {
        StringLike: { 's3:prefix': producers.map((name) => `${PAYLOAD_PREFIX}${name}/*`) },
      },
    });
    allowKey(role, payloads.encryptionKey, payloads.bucket, ['kms:Decrypt']);
    if (!mayDelete) return;
    allow(role, {
      sid: 'RemoveUnfinished',
      actions: ['s3:DeleteObjectVersion', 's3:AbortMultipartUpload'],
      resources: objects,
      because: 'Keys of payloads hold the event ids of publishes that never ended.',
    });
  }
}

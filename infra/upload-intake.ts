import { Construct } from 'constructs';
import { UPLOAD_PREFIX } from '../shared/topology.ts';
import { allow } from './allow.ts';
import { entryOf } from './bundle.ts';
import { allowReceive } from './consumer-queue.ts';
import { allowKey, type ControlBucket } from './control-bucket.ts';
import { deliveredQueue, type DeliveredQueue } from './delivered-queue.ts';
import { eventSource, VISIBILITY_FACTOR } from './event-source.ts';
import type { ExchangeBus } from './exchange-bus.ts';
import { WaybillFunction } from './function.ts';
import type { PayloadBucket } from './payload-bucket.ts';

export interface UploadIntakeProps {
  readonly payloads: PayloadBucket;
  readonly control: ControlBucket;
  readonly bus: ExchangeBus;
  /** Producer in whose name uploads are published. */
  readonly producer: string;
  readonly signingKeyArn: string;
  readonly retainDays: number;
  /** Largest file that may be uploaded, in bytes; each is read once within one invocation. */
  readonly maxSizeBytes: number;
  readonly environment: Readonly<Record<string, string>>;
  /** Most files that are looked at at once. */
  readonly maxConcurrency: number;
  readonly logDays?: number | undefined;
}

/** What a function of this memory reads and digests at least, in bytes a second. */
const BYTES_PER_SECOND = 40 * 1024 ** 2;
const MAX_TIMEOUT_SECONDS = 900;

/** Largest upload for which an invocation is long enough, in bytes: 34 GiB. */
export const MAX_INTAKE_BYTES = BYTES_PER_SECOND * (MAX_TIMEOUT_SECONDS - 30);

/**
 * Takes in what was uploaded: S3's news of new objects under `uploads/` come to a queue by a rule of the default bus, and
 * the function behind it verifies, pins the version and publishes.
 */
export class UploadIntake extends Construct {
  readonly function: WaybillFunction;
  readonly delivered: DeliveredQueue;

  constructor(scope: Construct, id: string, props: UploadIntakeProps) {
    super(scope, id);
    const { payloads, producer } = props;
    const seconds = 30 + Math.ceil(props.maxSizeBytes / BYTES_PER_SECOND);
    const timeoutSeconds = Math.min(MAX_TIMEOUT_SECONDS, Math.max(60, seconds));
    this.delivered = deliveredQueue(this, {
      pattern: {
        source: ['aws.s3'],
        'detail-type': ['Object Created'],
        detail: {
          bucket: { name: [payloads.bucket.bucketName] },
          object: { key: [{ prefix: UPLOAD_PREFIX }] },
        },
      },
      description: `New objects under ${UPLOAD_PREFIX}.`,
      visibilityTimeoutSeconds: VISIBILITY_FACTOR * timeoutSeconds,
      retentionDays: 14,
      maxReceiveCount: 10,
    });
    this.function = new WaybillFunction(this, 'Take', {
      description: 'Waybill: takes in what was uploaded.',
      entry: entryOf('producers/upload-service/intake-entry'),
      timeoutSeconds,
      memoryMiB: 2048,
      environment: {
        ...props.environment,
        WAYBILL_BUS: props.bus.busName,
        WAYBILL_PRODUCER: producer,
        WAYBILL_SIGNING_KEY_SECRET: props.signingKeyArn,
        WAYBILL_RETAIN_DAYS: String(props.retainDays),
      },
      ...(props.logDays === undefined ? {} : { logDays: props.logDays }),
    });
    this.#allow(props);
    eventSource(this, {
      function: this.function,
      queue: this.delivered.queue,
      batchSize: 1,
      maxConcurrency: props.maxConcurrency,
    });
  }

  #allow({ payloads, control, bus, producer, signingKeyArn }: UploadIntakeProps): void {
    const { role } = this.function;
    allowReceive(role, this.delivered.queue);
    allow(role, {
      sid: 'LookAtUploads',
      // The last one for versions that come after the first, and for what is refused.
      actions: ['s3:GetObjectVersion', 's3:DeleteObjectVersion'],
      resources: [payloads.objectsUnder(UPLOAD_PREFIX)],
      because: 'Keys hold the ids of uploads; it reads every one, and its URLs have its rights.',
    });
    allow(role, {
      // Without it S3 answers 403, not 404, for a version that is gone.
      sid: 'KnowWhatIsGone',
      actions: ['s3:ListBucket'],
      resources: [payloads.bucket.bucketArn],
    });
    allowKey(role, payloads.encryptionKey, payloads.bucket, ['kms:Decrypt']);
    allowUploadRecords(control, this.function, ['uploads/']);
    bus.grantPublish(role, producer, '*');
    allow(role, {
      sid: 'SigningKey',
      actions: ['secretsmanager:GetSecretValue'],
      resources: [signingKeyArn],
    });
  }
}

/** Lets a function keep the records of uploads. */
export function allowUploadRecords(
  control: ControlBucket,
  { role }: WaybillFunction,
  prefixes: readonly string[],
): void {
  control.grant(role, {
    sid: 'Records',
    right: 'write',
    prefixes,
    because: 'Names of records hold the ids of uploads and the hashes of links.',
  });
}

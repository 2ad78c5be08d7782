import { Stack } from 'aws-cdk-lib';
import type * as iam from 'aws-cdk-lib/aws-iam';
import { Construct } from 'constructs';
import { UPLOAD_PREFIX } from '../shared/topology.ts';
import { allow } from './allow.ts';
import { entryOf } from './bundle.ts';
import { allowKey, type ControlBucket } from './control-bucket.ts';
import type { ExchangeBus } from './exchange-bus.ts';
import { WaybillFunction } from './function.ts';
import type { KeyRotation } from './key-rotation.ts';
import type { PayloadBucket } from './payload-bucket.ts';
import { Schedule } from './schedule.ts';
import { SigningKey } from './signing-key.ts';
import { controlJson, storesJson } from './stores-json.ts';
import { UploadApi } from './upload-api.ts';
import { allowUploadRecords, MAX_INTAKE_BYTES, UploadIntake } from './upload-intake.ts';

/** What may be uploaded, as `createUploadService()` takes it. */
export interface UploadPolicyProps {
  /** By event type. */
  readonly types: Readonly<
    Record<
      string,
      {
        readonly mediaTypes: readonly string[];
        /** In bytes; at most about 34 GiB: the intake reads a file within one invocation. */
        readonly maxSizeBytes: number;
        readonly namePattern?: string;
      }
    >
  >;
  /** Most uploads that one owner may have open. */
  readonly maxOpenUploads?: number;
  /** Most bytes that one owner may have open. */
  readonly maxOpenBytes?: number;
}

/** Whose tokens are taken. */
export interface UploadTokens {
  /** Issuer, an https URL with OpenID Connect discovery. */
  readonly issuer: string;
  readonly audience: string;
  /** Where the issuer's public keys are (`jwks_uri`). */
  readonly keysUrl: string;
  /** Claim that names the owner. @default 'sub' */
  readonly ownerClaim?: string;
}

export interface UploadServiceProps {
  readonly payloads: PayloadBucket;
  readonly control: ControlBucket;
  readonly bus: ExchangeBus;
  /** Rotates the key that signs the claim checks of uploads. */
  readonly rotation: KeyRotation;
  readonly policy: UploadPolicyProps;
  readonly tokens: UploadTokens;
  /** Producer in whose name uploads are published. @default 'uploads' */
  readonly producer?: string;
  /** Days for which events promise that an upload exists. */
  readonly retainDays: number;
  /** Origins whose pages may call; the payload bucket's CORS rules take the same. @default [] */
  readonly origins?: readonly string[];
  /** Where links lead, if the API has a name of its own. @default - the API's own address */
  readonly publicUrl?: string;
  /** Requests a second that all may make together. @default 100 */
  readonly requestsPerSecond?: number;
  /** Most instances of the HTTP function at once; `false` leaves it to the account. @default 50 */
  readonly reservedConcurrency?: number | false;
  /** Most files that the intake looks at at once, 2 to 1,000. @default 10 */
  readonly intakeConcurrency?: number;
  /** @default - CloudFormation makes one up */
  readonly secretName?: string;
  /** Days that logs are kept. @default 90 */
  readonly logDays?: number;
}

/** Most characters of a policy: all variables of a function share 4 KB. */
const MAX_POLICY = 2_500;

/**
 * The upload service for browsers and partners: an HTTP API that demands a token, the intake behind S3's news, and an
 * hourly sweep of what was opened and never finished. The payload bucket must `announceObjects`.
 *
 * Cost: about $1 per million requests of the API, and $1 per GB-hour of the intake: a file of 1 GiB takes about 30 s.
 *
 * @throws {RangeError} if a policy allows files that the intake cannot read in time, or is too long
 */
export class UploadService extends Construct {
  readonly producer: string;
  readonly http: WaybillFunction;
  readonly intake: UploadIntake;
  readonly sweep: WaybillFunction;
  /** The address that browsers and partners call. */
  readonly url: string;
  /** The API's own address, whatever `publicUrl` says. */
  readonly apiUrl: string;
  /** Publishes as the producer. */
  readonly publisherRole: iam.IRole;

  constructor(scope: Construct, id: string, props: UploadServiceProps) {
    super(scope, id);
    const { payloads, control, bus, policy, tokens, producer = 'uploads', retainDays } = props;
    const { reservedConcurrency = 50, origins = [], logDays } = props;
    this.producer = producer;
    const maxSizeBytes = checkPolicy(policy);
    const stack = Stack.of(this);
    const environment = {
      WAYBILL_STORES: storesJson(payloads),
      WAYBILL_CONTROL: controlJson(control),
      WAYBILL_UPLOAD_POLICY: JSON.stringify(policy),
    };
    const logs = logDays === undefined ? {} : { logDays };
    const key = new SigningKey(this, 'SigningKey', {
      producer,
      rotation: props.rotation,
      prefixes: [UPLOAD_PREFIX],
      retainDays,
      ...(props.secretName === undefined ? {} : { secretName: props.secretName }),
    });
    const api = new UploadApi(this, 'Api', {
      tokens,
      requestsPerSecond: props.requestsPerSecond ?? 100,
      ...logs,
    });
    this.apiUrl = api.url;
    this.url = props.publicUrl ?? api.url;
    this.http = new WaybillFunction(this, 'Http', {
      description: 'Waybill: opens uploads.',
      entry: entryOf('producers/upload-service/http-entry'),
      timeoutSeconds: 29,
      reservedConcurrency: reservedConcurrency === false ? undefined : reservedConcurrency,
      environment: {
        ...environment,
        WAYBILL_TOKENS: stack.toJsonString(tokens),
        WAYBILL_ORIGINS: JSON.stringify(origins),
        WAYBILL_PUBLIC_URL: this.url,
      },
      ...logs,
    });
    api.route(this.http);
    this.intake = new UploadIntake(this, 'Intake', {
      payloads,
      control,
      bus,
      producer,
      retainDays,
      maxSizeBytes,
      environment,
      signingKeyArn: key.secretArn,
      maxConcurrency: props.intakeConcurrency ?? 10,
      logDays,
    });
    this.publisherRole = this.intake.function.role;
    this.sweep = new WaybillFunction(this, 'Sweep', {
      description: 'Waybill: takes back uploads that were never finished.',
      entry: entryOf('producers/upload-service/sweep-entry'),
      timeoutSeconds: 900,
      reservedConcurrency: 1,
      environment,
      ...logs,
    });
    new Schedule(this, 'Hourly', {
      function: this.sweep,
      everyMinutes: 60,
      description: 'Sweeps open uploads.',
    });
    this.#allow(payloads, control);
  }

  #allow(payloads: PayloadBucket, control: ControlBucket): void {
    const resources = [payloads.objectsUnder(UPLOAD_PREFIX)];
    const because = 'Keys hold the ids of uploads, and the URLs that it signs have its rights.';
    const takeBack = ['s3:AbortMultipartUpload', 's3:DeleteObjectVersion'];
    const sign = ['s3:PutObject', 's3:ListMultipartUploadParts', 's3:GetObjectVersion'];
    const look = ['s3:GetObjectVersionTagging'];
    allow(this.http.role, { sid: 'Uploads', actions: [...sign, ...look, ...takeBack], resources, because });
    allow(this.sweep.role, {
      sid: 'TakeBack',
      actions: takeBack,
      resources,
      because: 'Keys hold the ids of uploads; it removes what was never finished.',
    });
    allow(this.http.role, {
      // Without it S3 answers 403, not 404, for a version that is gone.
      sid: 'KnowWhatIsGone',
      actions: ['s3:ListBucket'],
      resources: [payloads.bucket.bucketArn],
    });
    for (const { role } of [this.http, this.sweep])
      allow(role, {
        sid: 'FindVersions',
        actions: ['s3:ListBucketVersions'],
        resources: [payloads.bucket.bucketArn],
        conditions: { StringLike: { 's3:prefix': [`${UPLOAD_PREFIX}*`] } },
      });
    allowKey(this.http.role, payloads.encryptionKey, payloads.bucket, ['kms:Decrypt', 'kms:GenerateDataKey']);
    allowUploadRecords(control, this.http, ['uploads/', 'links/']);
    allowUploadRecords(control, this.sweep, ['uploads/']);
  }
}

/** @returns the largest size that it allows, in bytes */
function checkPolicy(policy: UploadPolicyProps): number {
  const { length } = JSON.stringify(policy);
  if (length > MAX_POLICY)
    throw new RangeError(`policy: got ${length} characters, expected at most ${MAX_POLICY}`);
  for (const [type, { maxSizeBytes }] of Object.entries(policy.types))
    if (maxSizeBytes > MAX_INTAKE_BYTES)
      throw new RangeError(
        `policy.types.${type}.maxSizeBytes: got ${maxSizeBytes}, expected at most ${MAX_INTAKE_BYTES}: the intake reads a file within one invocation`,
      );
  return Math.max(0, ...Object.values(policy.types).map(({ maxSizeBytes }) => maxSizeBytes));
}

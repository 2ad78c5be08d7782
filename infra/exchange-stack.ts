import { Stack } from 'aws-cdk-lib';
import * as kms from 'aws-cdk-lib/aws-kms';
import type { Construct } from 'constructs';
import {
  consumerNames,
  exchangeNames,
  PAYLOAD_PREFIX,
  resolveTopology,
  TOPOLOGY_METADATA,
  type Topology,
  type TopologyConsumer,
  UPLOAD_PREFIX,
} from '../shared/topology.ts';
import { AccessLogs } from './access-logs.ts';
import { ConsumerQueue } from './consumer-queue.ts';
import { ConsumerRole, type ConsumerAccess } from './consumer-role.ts';
import { ControlBucket } from './control-bucket.ts';
import type { ExchangeAlarms } from './exchange-alarms.ts';
import { ExchangeBus } from './exchange-bus.ts';
import { addMonitoring } from './exchange-monitoring.ts';
import { addOutputs } from './exchange-outputs.ts';
import type { ExchangeParts } from './exchange-parts.ts';
import { checkUrlAge, type ExchangeStackProps } from './exchange-props.ts';
import { KeyRotation } from './key-rotation.ts';
import { PayloadBucket } from './payload-bucket.ts';
import { principalsOf } from './principals.ts';
import { ProducerRole } from './producer-role.ts';
import { ReplayRole } from './replay-role.ts';
import { RevokerRole } from './revoker-role.ts';
import { SigningKey } from './signing-key.ts';
import { Sweeper } from './sweeper.ts';
import { UploadPage } from './upload-page.ts';
import { UploadService } from './upload-service.ts';
import { UrlService } from './url-service.ts';

/**
 * A whole exchange. One stack is one tenant: nothing in it knows another's. Inside it, producers have prefixes of their
 * own.
 */
export class ExchangeStack extends Stack implements ExchangeParts {
  readonly topology: Topology;
  readonly payloads: PayloadBucket;
  readonly control: ControlBucket;
  readonly bus: ExchangeBus;
  readonly urlService: UrlService;
  readonly rotation: KeyRotation;
  readonly uploads: UploadService | undefined;
  readonly uploadPage: UploadPage | undefined;
  readonly sweeper: Sweeper | undefined;
  readonly alarms: ExchangeAlarms | undefined;
  readonly producers: ReadonlyMap<string, ProducerRole>;
  readonly consumers: ReadonlyMap<string, { readonly queue: ConsumerQueue; readonly role: ConsumerRole }>;
  readonly replay: ReplayRole;
  readonly revoker: RevokerRole;

  constructor(scope: Construct, id: string, props: ExchangeStackProps) {
    super(scope, id, { terminationProtection: true, ...props });
    this.topology = resolveTopology(props.topology);
    const { topology } = this;
    this.templateOptions.metadata = { [TOPOLOGY_METADATA]: topology };
    checkUrlAge(topology, props.urlTtlSeconds ?? 900);
    const names = exchangeNames(topology);
    const key = this.#encryptionKey(props);
    const encryption = key === undefined ? {} : { encryptionKey: key };
    const { retention } = topology;

    const accessLogs = new AccessLogs(this, 'AccessLogs', { retentionDays: retention.logDays });
    this.payloads = new PayloadBucket(this, 'Payloads', {
      ...bucketName(topology.buckets.payloads),
      ...encryption,
      accessLogs,
      payloadDays: retention.payloadDays,
      noncurrentDays: retention.noncurrentDays,
      unfinishedUploadDays: retention.unfinishedUploadDays,
      urlMaxAgeSeconds: topology.urlMaxAgeSeconds,
      writeOncePrefixes: topology.writeOncePrefixes,
      origins: topology.origins,
      announceObjects: topology.origins.length > 0 || props.uploads !== undefined,
      ...(props.sourceVpces === undefined ? {} : { sourceVpces: props.sourceVpces }),
      ...(props.sourceIps === undefined ? {} : { sourceIps: props.sourceIps }),
    });
    this.control = new ControlBucket(this, 'Control', {
      ...bucketName(topology.buckets.control),
      ...encryption,
      accessLogs,
    });
    this.bus = new ExchangeBus(this, 'Bus', {
      busName: names.bus,
      archiveDays: topology.archive.retentionDays,
    });
    this.urlService = new UrlService(this, 'UrlService', {
      payloads: this.payloads,
      control: this.control,
      logDays: retention.logDays,
      ...(props.urlTtlSeconds === undefined ? {} : { urlTtlSeconds: props.urlTtlSeconds }),
      ...(props.urlServiceConcurrency === undefined
        ? {}
        : { reservedConcurrency: props.urlServiceConcurrency }),
    });
    this.rotation = new KeyRotation(this, 'KeyRotation', {
      control: this.control,
      logDays: retention.logDays,
    });
    this.producers = this.#addProducers(props);
    this.uploads = this.#addUploads(props);
    this.uploadPage = this.#addUploadPage(props, accessLogs);
    this.consumers = this.#addConsumers();
    this.replay = new ReplayRole(this, 'Replay', {
      assumedBy: principalsOf(props.replayPrincipals ?? []),
      bus: this.bus,
      control: this.control,
      sources: [...topology.producers.map(({ name }) => name), ...this.#uploader()],
      queues: [...this.consumers.values()].map(({ queue }) => queue),
    });
    this.revoker = new RevokerRole(this, 'Revoker', {
      assumedBy: principalsOf(props.revokerPrincipals ?? []),
      payloads: this.payloads,
      control: this.control,
    });
    this.sweeper = this.#addSweeper(props);
    this.#reserveSources();
    this.alarms = props.withoutMonitoring === true ? undefined : addMonitoring(this, props);
    addOutputs(this, props.partners);
  }

  #addSweeper({ urlTtlSeconds, sweepMinutes }: ExchangeStackProps): Sweeper | undefined {
    if (this.producers.size === 0) return undefined;
    return new Sweeper(this, 'Sweeper', {
      producers: [...this.producers.keys()],
      payloads: this.payloads,
      control: this.control,
      bus: this.bus,
      logDays: this.topology.retention.logDays,
      ...(urlTtlSeconds === undefined ? {} : { urlTtlSeconds }),
      ...(sweepMinutes === undefined ? {} : { everyMinutes: sweepMinutes }),
    });
  }

  #addUploads(props: ExchangeStackProps): UploadService | undefined {
    if (props.uploads === undefined) return undefined;
    if (props.sourceVpces !== undefined || props.sourceIps !== undefined)
      throw new TypeError(
        'uploads: got some, expected none with sourceVpces or sourceIps: the intake reads what was uploaded from outside of them',
      );
    const { retention, origins, producers } = this.topology;
    const { producer = 'uploads' } = props.uploads;
    if (producers.some(({ name }) => name === producer))
      throw new TypeError(`uploads.producer: got ${producer}, expected a name that no producer has`);
    return new UploadService(this, 'Uploads', {
      ...props.uploads,
      producer,
      payloads: this.payloads,
      control: this.control,
      bus: this.bus,
      rotation: this.rotation,
      retainDays: retention.payloadDays,
      origins,
      secretName: `${this.topology.name}/signing-key/${producer}`,
      logDays: retention.logDays,
    });
  }

  #addUploadPage({ uploads }: ExchangeStackProps, accessLogs: AccessLogs): UploadPage | undefined {
    if (this.uploads === undefined || uploads?.page === undefined) return undefined;
    const { buckets, retention } = this.topology;
    return new UploadPage(this, 'UploadPage', {
      ...uploads.page,
      payloads: this.payloads,
      ...(buckets.payloads === undefined ? {} : { payloadBucketName: buckets.payloads }),
      apiUrl: this.uploads.apiUrl,
      issuer: uploads.tokens.issuer,
      accessLogs,
      logDays: retention.logDays,
    });
  }

  /** The producer in whose name uploads are published, if there is one. */
  #uploader(): readonly string[] {
    return this.uploads === undefined ? [] : [this.uploads.producer];
  }

  #reserveSources(): void {
    const { sweeper, uploads, replay } = this;
    const sweeping = sweeper === undefined ? [] : [sweeper.function.role];
    for (const [name, { role }] of this.producers)
      this.bus.reserveSource(name, [role, replay.role, ...sweeping]);
    if (uploads !== undefined) this.bus.reserveSource(uploads.producer, [uploads.publisherRole, replay.role]);
  }

  /**
   * What a consumer's own function, service or role needs of the exchange.
   * @throws {RangeError} if the topology has no such consumer
   * @example
   * new ConsumerFunction(stack, 'Archive', { ...exchange.forConsumer('archive'), entry: 'src/archive.ts' });
   */
  forConsumer(name: string): ConsumerAccess {
    const made = this.consumers.get(name);
    const described = this.topology.consumers.find((consumer) => consumer.name === name);
    if (made === undefined || described === undefined)
      throw new RangeError(
        `consumer: got ${name}, expected one of the topology: ${[...this.consumers.keys()].join(', ')}`,
      );
    return {
      queue: made.queue,
      urlService: this.urlService,
      control: this.control,
      payloads: this.payloads,
      types: described.types ?? '*',
      prefixes: this.#prefixesFor(described),
    };
  }

  #encryptionKey({ encryptionKey }: ExchangeStackProps): kms.IKey | undefined {
    if (encryptionKey !== 'new') return encryptionKey;
    return new kms.Key(this, 'Key', {
      description: `Payloads and records of the exchange ${this.topology.name}.`,
      enableKeyRotation: true,
    });
  }

  #addProducers({ keyRotationDays }: ExchangeStackProps): ReadonlyMap<string, ProducerRole> {
    const { topology, payloads, control, bus } = this;
    const made = topology.producers.map(({ name, types, principals, retainDays }) => {
      const key = new SigningKey(this, `SigningKey-${name}`, {
        producer: name,
        rotation: this.rotation,
        prefixes: [`${PAYLOAD_PREFIX}${name}/`],
        retainDays,
        ...(keyRotationDays === undefined ? {} : { everyDays: keyRotationDays }),
        secretName: `${topology.name}/signing-key/${name}`,
      });
      const role = new ProducerRole(this, `Producer-${name}`, {
        producer: name,
        types,
        assumedBy: principalsOf(principals),
        payloads,
        control,
        bus,
        signingKeyArn: key.secretArn,
      });
      return [name, role] as const;
    });
    return new Map(made);
  }

  #addConsumers(): ReadonlyMap<string, { readonly queue: ConsumerQueue; readonly role: ConsumerRole }> {
    const made = this.topology.consumers.map((consumer) => {
      const queue = new ConsumerQueue(this, `Queue-${consumer.name}`, {
        bus: this.bus,
        consumer,
        names: consumerNames(this.topology, consumer.name),
      });
      const role = new ConsumerRole(this, `Consumer-${consumer.name}`, {
        queue,
        assumedBy: principalsOf(consumer.principals),
        urlService: this.urlService,
        control: this.control,
        types: consumer.types ?? '*',
        prefixes: this.#prefixesFor(consumer),
      });
      return [consumer.name, { queue, role }] as const;
    });
    return new Map(made);
  }

  /** Prefixes of the payloads that a consumer may ask for. */
  #prefixesFor({ producers }: TopologyConsumer): readonly string[] {
    const uploader = this.#uploader();
    if (producers === '*') return [PAYLOAD_PREFIX, ...(uploader.length === 0 ? [] : [UPLOAD_PREFIX])];
    return producers.map((producer) =>
      uploader.includes(producer) ? UPLOAD_PREFIX : `${PAYLOAD_PREFIX}${producer}/`,
    );
  }
}

function bucketName(name: string | undefined): { readonly bucketName?: string } {
  return name === undefined ? {} : { bucketName: name };
}

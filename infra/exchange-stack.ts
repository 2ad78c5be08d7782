import { CfnOutput, Stack, type StackProps } from 'aws-cdk-lib';
import * as kms from 'aws-cdk-lib/aws-kms';
import type { Construct } from 'constructs';
import {
  consumerNames,
  deliveryTimesOf,
  exchangeNames,
  PAYLOAD_PREFIX,
  PAYLOAD_STORE,
  resolveTopology,
  TOPOLOGY_METADATA,
  type Topology,
  type TopologyConsumer,
  type TopologyInput,
} from '../shared/topology.ts';
import { AccessLogs } from './access-logs.ts';
import { ConsumerQueue } from './consumer-queue.ts';
import { ConsumerRole } from './consumer-role.ts';
import { ControlBucket } from './control-bucket.ts';
import { ExchangeBus } from './exchange-bus.ts';
import { PayloadBucket } from './payload-bucket.ts';
import { principalsOf } from './principals.ts';
import { ProducerRole } from './producer-role.ts';
import { ReplayRole } from './replay-role.ts';
import { RevokerRole } from './revoker-role.ts';
import { SigningKey } from './signing-key.ts';
import { UrlService, type PartnerAccess } from './url-service.ts';

export interface ExchangeStackProps extends StackProps {
  /** What the exchange is: producers, consumers, retention. The same text starts the embedded stack. */
  readonly topology: TopologyInput;
  /** Encrypt both buckets by a customer-managed key: a new one, or one that exists. @default - SSE-S3 */
  readonly encryptionKey?: kms.IKey | 'new';
  /** Life of the URLs that the URL service gives, in seconds. @default 900 */
  readonly urlTtlSeconds?: number;
  /** Most instances of the URL service at once; `false` leaves it to the account. @default 50 */
  readonly urlServiceConcurrency?: number | false;
  /** Partners that call the URL service by token. @default - none */
  readonly partners?: PartnerAccess;
  /** VPC endpoints, if payloads shall be reached through those only. @default - from anywhere */
  readonly sourceVpces?: readonly string[];
  /** CIDR ranges, if payloads shall be reached from those only. @default - from anywhere */
  readonly sourceIps?: readonly string[];
  /** Who may replay and redrive. @default - whom this account's administrators let */
  readonly replayPrincipals?: readonly string[];
  /** Who may revoke and erase. @default - whom this account's administrators let */
  readonly revokerPrincipals?: readonly string[];
}

/**
 * A whole exchange. One stack is one tenant: nothing in it knows another's. Inside it, producers have prefixes of their
 * own.
 */
export class ExchangeStack extends Stack {
  readonly topology: Topology;
  readonly payloads: PayloadBucket;
  readonly control: ControlBucket;
  readonly bus: ExchangeBus;
  readonly urlService: UrlService;
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
      announceObjects: topology.origins.length > 0,
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
    this.producers = this.#addProducers();
    this.consumers = this.#addConsumers();
    this.replay = new ReplayRole(this, 'Replay', {
      assumedBy: principalsOf(props.replayPrincipals ?? []),
      bus: this.bus,
      control: this.control,
      sources: topology.producers.map(({ name }) => name),
      queues: [...this.consumers.values()].map(({ queue }) => queue),
    });
    this.revoker = new RevokerRole(this, 'Revoker', {
      assumedBy: principalsOf(props.revokerPrincipals ?? []),
      payloads: this.payloads,
      control: this.control,
    });
    for (const [name, { role }] of this.producers) this.bus.reserveSource(name, [role, this.replay.role]);
    this.#addOutputs(props.partners);
  }

  #encryptionKey({ encryptionKey }: ExchangeStackProps): kms.IKey | undefined {
    if (encryptionKey !== 'new') return encryptionKey;
    return new kms.Key(this, 'Key', {
      description: `Payloads and records of the exchange ${this.topology.name}.`,
      enableKeyRotation: true,
    });
  }

  #addProducers(): ReadonlyMap<string, ProducerRole> {
    const { topology, payloads, control, bus } = this;
    const made = topology.producers.map(({ name, types, principals }) => {
      const key = new SigningKey(this, `SigningKey-${name}`, {
        producer: name,
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
        prefixes: prefixesFor(consumer),
      });
      return [consumer.name, { queue, role }] as const;
    });
    return new Map(made);
  }

  /** What `.env` of producers and consumers needs, and what operators look for. */
  #addOutputs(partners: PartnerAccess | undefined): void {
    const { region } = this;
    const output = (id: string, value: string, description: string): CfnOutput =>
      new CfnOutput(this, id, { value, description });
    const store = (bucket: string): object => ({ bucket, region });
    output(
      'Stores',
      this.toJsonString({ [PAYLOAD_STORE]: store(this.payloads.bucket.bucketName) }),
      'WAYBILL_STORES',
    );
    output('ControlStore', this.toJsonString(store(this.control.bucket.bucketName)), 'WAYBILL_CONTROL');
    output('BusName', this.bus.busName, 'WAYBILL_BUS');
    output('Delivery', this.toJsonString(deliveryTimesOf(this.topology)), 'WAYBILL_DELIVERY of producers');
    output('UrlServiceUrl', this.urlService.url.url, 'WAYBILL_URL_SERVICE');
    if (partners !== undefined)
      output('PartnerUrl', this.urlService.addPartners(partners), 'WAYBILL_URL_SERVICE for partners');
    for (const [name, { role }] of this.producers)
      output(`ProducerRole${plain(name)}`, role.roleArn, `Role of the producer ${name}`);
    for (const [name, { queue, role }] of this.consumers) {
      output(`ConsumerRole${plain(name)}`, role.role.roleArn, `Role of the consumer ${name}`);
      output(`Queue${plain(name)}`, queue.queue.queueUrl, `WAYBILL_QUEUE of the consumer ${name}`);
    }
    output('ReplayRole', this.replay.role.roleArn, 'Role for replay and redrive');
    output('RevokerRole', this.revoker.role.roleArn, 'Role for revoking and erasing');
  }
}

/** Prefixes of the payloads that a consumer may ask for. */
function prefixesFor({ producers }: TopologyConsumer): readonly string[] {
  return producers === '*' ? [PAYLOAD_PREFIX] : producers.map((producer) => `${PAYLOAD_PREFIX}${producer}/`);
}

/** @throws {RangeError} if the bucket refuses URLs that the URL service says are good */
function checkUrlAge({ urlMaxAgeSeconds }: Topology, urlTtlSeconds: number): void {
  if (urlTtlSeconds > urlMaxAgeSeconds)
    throw new RangeError(
      `urlTtlSeconds: got ${urlTtlSeconds}, expected at most topology.urlMaxAgeSeconds (${urlMaxAgeSeconds}): the bucket refuses older URLs`,
    );
}

function bucketName(name: string | undefined): { readonly bucketName?: string } {
  return name === undefined ? {} : { bucketName: name };
}

/** A name as output ids may hold it. */
function plain(name: string): string {
  return name.replaceAll(/[^A-Za-z0-9]/g, '');
}

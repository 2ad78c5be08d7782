import * as iam from 'aws-cdk-lib/aws-iam';
import { Construct } from 'constructs';
import type { ConsumerQueue } from './consumer-queue.ts';
import type { ControlBucket } from './control-bucket.ts';
import type { PayloadBucket } from './payload-bucket.ts';
import { controlJson, storesJson } from './stores-json.ts';
import type { UrlService } from './url-service.ts';

/** What a consumer reaches of the exchange; `ExchangeStack.forConsumer()` gives it. */
export interface ConsumerAccess {
  readonly queue: ConsumerQueue;
  readonly urlService: UrlService;
  readonly control: ControlBucket;
  /** Where its events' payloads are; the consumer reads them by URL only. */
  readonly payloads: PayloadBucket;
  /** Event types whose payloads it may ask for. @default '*' */
  readonly types?: '*' | readonly string[];
  /** Prefixes of payloads it may ask for. @default ['payloads/'] */
  readonly prefixes?: readonly string[];
}

export interface ConsumerRoleProps extends Omit<ConsumerAccess, 'payloads'> {
  readonly assumedBy: iam.IPrincipal;
}

/**
 * What a consumer may do: take from its own queue, put aside what cannot be handled, ask the URL service, keep its
 * idempotency records. It has no right to S3's payloads: it reads them by URL.
 *
 * Cost: none.
 */
export class ConsumerRole extends Construct {
  readonly role: iam.Role;

  constructor(scope: Construct, id: string, props: ConsumerRoleProps) {
    super(scope, id);
    const { queue } = props;
    this.role = new iam.Role(this, 'Role', {
      assumedBy: props.assumedBy,
      description: `Consumes as ${queue.consumer}.`,
    });
    grantConsumer(this.role, props);
  }
}

/** Gives a role all that a consumer needs: for a function's or a task's own role as well. */
export function grantConsumer(role: iam.IRole, props: Omit<ConsumerAccess, 'payloads'>): void {
  const { queue, urlService, control, types = '*', prefixes = ['payloads/'] } = props;
  queue.grantConsume(role);
  urlService.addCaller({ role, caller: queue.consumer, types, prefixes });
  control.grant(role, {
    sid: 'Idempotency',
    right: 'write',
    prefixes: [`idempotency/${queue.consumer}/`],
    because: "Names of records hold the event's id; the prefix is the consumer's own.",
    confined: true,
  });
}

/** What the program of a consumer finds in its environment: the names that the CLI reads, and its own. */
export function consumerEnvironment(access: ConsumerAccess): Readonly<Record<string, string>> {
  const { queue, urlService, control, payloads } = access;
  return {
    WAYBILL_CONSUMER: queue.consumer,
    WAYBILL_QUEUE: queue.queue.queueUrl,
    WAYBILL_DLQ: queue.deadLetterQueue.queueUrl,
    WAYBILL_STORES: storesJson(payloads),
    WAYBILL_CONTROL: controlJson(control),
    WAYBILL_URL_SERVICE: urlService.url.url,
  };
}

import * as iam from 'aws-cdk-lib/aws-iam';
import { Construct } from 'constructs';
import type { ConsumerQueue } from './consumer-queue.ts';
import type { ControlBucket } from './control-bucket.ts';
import type { UrlService } from './url-service.ts';

export interface ConsumerRoleProps {
  readonly queue: ConsumerQueue;
  readonly assumedBy: iam.IPrincipal;
  readonly urlService: UrlService;
  readonly control: ControlBucket;
  /** Event types whose payloads it may ask for. @default '*' */
  readonly types?: '*' | readonly string[];
  /** Prefixes of payloads it may ask for. @default ['payloads/'] */
  readonly prefixes?: readonly string[];
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
    const { queue, types = '*', prefixes = ['payloads/'] } = props;
    this.role = new iam.Role(this, 'Role', {
      assumedBy: props.assumedBy,
      description: `Consumes as ${queue.consumer}.`,
    });
    grantConsumer(this.role, { ...props, types, prefixes });
  }
}

/** Gives a role all that a consumer needs: for a function's or a task's own role as well. */
export function grantConsumer(role: iam.IRole, props: Omit<ConsumerRoleProps, 'assumedBy'>): void {
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

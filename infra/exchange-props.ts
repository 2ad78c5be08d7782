import type { StackProps } from 'aws-cdk-lib';
import type * as kms from 'aws-cdk-lib/aws-kms';
import type { Topology, TopologyInput } from '../shared/topology.ts';
import type { MonitoringSettings } from './exchange-monitoring.ts';
import type { UploadPageSettings } from './upload-page.ts';
import type { UploadServiceProps } from './upload-service.ts';
import type { PartnerAccess } from './url-service.ts';

export interface ExchangeStackProps extends StackProps, MonitoringSettings {
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
  /** Days after which signing keys are rotated, 1 to 1,000. @default 90 */
  readonly keyRotationDays?: number;
  /** How often outboxes are swept, in minutes, 1 to 1,440. @default 5 */
  readonly sweepMinutes?: number;
  /** Take uploads from browsers and partners. @default - no */
  readonly uploads?: Omit<
    UploadServiceProps,
    'payloads' | 'control' | 'bus' | 'rotation' | 'retainDays' | 'origins' | 'secretName' | 'logDays'
  > & {
    /** A page for people to upload by. @default - none */
    readonly page?: UploadPageSettings;
  };
  /** Make no dashboard and no alarms. @default false */
  readonly withoutMonitoring?: boolean;
  /** Who may replay and redrive. @default - whom this account's administrators let */
  readonly replayPrincipals?: readonly string[];
  /** Who may revoke and erase. @default - whom this account's administrators let */
  readonly revokerPrincipals?: readonly string[];
}

/** Checks that URLs live as long as they say. @throws {RangeError} if the bucket refuses URLs that the URL service says are good */
export function checkUrlAge({ urlMaxAgeSeconds }: Topology, urlTtlSeconds: number): void {
  if (urlTtlSeconds > urlMaxAgeSeconds)
    throw new RangeError(
      `urlTtlSeconds: got ${urlTtlSeconds}, expected at most topology.urlMaxAgeSeconds (${urlMaxAgeSeconds}): the bucket refuses older URLs`,
    );
}

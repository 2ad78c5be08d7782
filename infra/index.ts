export { AccessLogs, type AccessLogsProps } from './access-logs.ts';
export { ConsumerQueue, type ConsumerQueueProps } from './consumer-queue.ts';
export { ConsumerRole, grantConsumer, type ConsumerRoleProps } from './consumer-role.ts';
export {
  ControlBucket,
  type ControlBucketProps,
  type RecordGrant,
  type RecordRight,
} from './control-bucket.ts';
export { ExchangeBus, type ExchangeBusProps } from './exchange-bus.ts';
export { ExchangeStack, type ExchangeStackProps } from './exchange-stack.ts';
export { PayloadBucket, type PayloadBucketProps } from './payload-bucket.ts';
export { ProducerRole, type ProducerRoleProps } from './producer-role.ts';
export { ReplayRole, type ReplayRoleProps } from './replay-role.ts';
export { RevokerRole, type RevokerRoleProps } from './revoker-role.ts';
export { SigningKey, type SigningKeyProps } from './signing-key.ts';
export {
  PRODUCER_KEYS_KEY,
  UrlService,
  type PartnerAccess,
  type UrlServiceCaller,
  type UrlServiceProps,
} from './url-service.ts';

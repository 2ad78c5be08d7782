export { AccessLogs, type AccessLogsProps } from './access-logs.ts';
export { ConsumerFunction, type ConsumerFunctionProps } from './consumer-function.ts';
export { ConsumerQueue, type ConsumerQueueProps } from './consumer-queue.ts';
export {
  consumerEnvironment,
  ConsumerRole,
  grantConsumer,
  type ConsumerAccess,
  type ConsumerRoleProps,
} from './consumer-role.ts';
export { ConsumerService, type ConsumerServiceProps } from './consumer-service.ts';
export {
  ControlBucket,
  type ControlBucketProps,
  type RecordGrant,
  type RecordRight,
} from './control-bucket.ts';
export { ExchangeAlarms, type AlarmThresholds, type ExchangeAlarmsProps } from './exchange-alarms.ts';
export { ExchangeBus, type ExchangeBusProps } from './exchange-bus.ts';
export { ExchangeDashboard, type ExchangeDashboardProps } from './exchange-dashboard.ts';
export { ExchangeMetrics, type ExchangeMetricsProps } from './exchange-metrics.ts';
export type { ExchangeStackProps } from './exchange-props.ts';
export { ExchangeStack } from './exchange-stack.ts';
export { KeyRotation, type KeyRotationProps, type RotatedKey } from './key-rotation.ts';
export { PayloadBucket, type PayloadBucketProps } from './payload-bucket.ts';
export { ProducerRole, type ProducerRoleProps } from './producer-role.ts';
export { ReplayRole, type ReplayRoleProps } from './replay-role.ts';
export { RevokerRole, type RevokerRoleProps } from './revoker-role.ts';
export { SigningKey, type SigningKeyProps } from './signing-key.ts';
export { Sweeper, type SweeperProps } from './sweeper.ts';
export { UploadPage, type UploadPageProps, type UploadPageSettings } from './upload-page.ts';
export { UploadIntake, type UploadIntakeProps } from './upload-intake.ts';
export {
  UploadService,
  type UploadPolicyProps,
  type UploadServiceProps,
  type UploadTokens,
} from './upload-service.ts';
export {
  UrlService,
  type PartnerAccess,
  type UrlServiceCaller,
  type UrlServiceProps,
} from './url-service.ts';

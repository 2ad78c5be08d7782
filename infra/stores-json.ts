import { Stack } from 'aws-cdk-lib';
import { PAYLOAD_STORE } from '../shared/topology.ts';
import type { ControlBucket } from './control-bucket.ts';
import type { PayloadBucket } from './payload-bucket.ts';

/** `WAYBILL_STORES`: the payload bucket under its logical name. */
export function storesJson({ bucket }: PayloadBucket): string {
  const stack = Stack.of(bucket);
  return stack.toJsonString({ [PAYLOAD_STORE]: { bucket: bucket.bucketName, region: stack.region } });
}

/** `WAYBILL_CONTROL`: the control bucket. */
export function controlJson({ bucket }: ControlBucket): string {
  const stack = Stack.of(bucket);
  return stack.toJsonString({ bucket: bucket.bucketName, region: stack.region });
}

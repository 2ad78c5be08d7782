/** A process that downloads what its parent says, and tells its parent how far it is, until it is killed. */
import { download } from '../../../../consumers/download/index.ts';
import { attachmentSchema } from '../../../../shared/events/index.ts';
import type { StoresOptions } from '../../../../shared/stores.ts';
import { transportOf, type TRANSPORTS } from './world.ts';

/** What the parent sends. */
export interface ChildOrder {
  /** On the wire form, URL and all. */
  readonly attachment: unknown;
  readonly path: string;
  readonly stores: StoresOptions;
  readonly partSizeBytes: number;
  readonly connections: number;
  readonly transport: (typeof TRANSPORTS)[number];
}

process.once('message', (order: ChildOrder) => {
  const { stores, partSizeBytes, connections, path } = order;
  const transport = transportOf(order.transport);
  const onEvent = (event: object): void => void process.send?.(event);
  const options = { stores, partSizeBytes, connections, transport, singleGetBelowBytes: 0, onEvent };
  void download(attachmentSchema.parse(order.attachment), { path }, options);
});

/** A process that downloads what its parent says, and tells its parent how far it is, until it is killed. */
import { download, type TransportKind } from '../../../../consumers/download/index.ts';
import { attachmentSchema } from '../../../../shared/events/index.ts';
import type { StoresOptions } from '../../../../shared/stores.ts';

/** What the parent sends. */
export interface ChildOrder {
  /** On the wire form, URL and all. */
  readonly attachment: unknown;
  readonly path: string;
  readonly stores: StoresOptions;
  readonly partSizeBytes: number;
  readonly connections: number;
  readonly transport: TransportKind;
}

process.once('message', (order: ChildOrder) => {
  const { stores, partSizeBytes, connections, path, transport } = order;
  const onEvent = (event: object): void => void process.send?.(event);
  const options = { stores, partSizeBytes, connections, transport, singleGetBelowBytes: 0, onEvent };
  void download(attachmentSchema.parse(order.attachment), { path }, options);
});

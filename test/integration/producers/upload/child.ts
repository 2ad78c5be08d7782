/** A process that publishes a file, and tells its parent how far it is, until it is killed. */
import { createPublisher, type PublisherOptions } from '../../../../producers/index.ts';

/** What the parent sends. */
export interface ChildOrder {
  readonly options: PublisherOptions;
  readonly id: string;
  readonly path: string;
}

process.once('message', ({ options, id, path }: ChildOrder) => {
  const publisher = createPublisher(options);
  void publisher.publish({
    id,
    type: 'a',
    attachments: [{ path }],
    onProgress: ({ uploadedBytes }) => void process.send?.(uploadedBytes),
  });
});

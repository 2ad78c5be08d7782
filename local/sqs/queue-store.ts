import type { Logger } from '../../shared/logger.ts';
import { noJournal, openJournal, type Journal } from './journal.ts';
import { MessageQueue } from './queue.ts';
import type { QueueRecord } from './records.ts';
import { createReplay } from './replay.ts';

/** What a store needs. */
export interface QueueStoreOptions {
  readonly region: string;
  readonly accountId: string;
  /** File of the journal. @default - queues live in memory only */
  readonly path?: string | undefined;
  readonly logger: Logger;
}

/** All queues, behind the methods that fauxqs's actions call on their own store. */
export class QueueStore {
  readonly region: string;
  readonly #accountId: string;
  readonly #byName = new Map<string, MessageQueue>();
  #journal: Journal = noJournal;

  private constructor({ region, accountId }: QueueStoreOptions) {
    this.region = region;
    this.#accountId = accountId;
  }

  /** Opens the store, with the queues and messages of the last run if it has a journal. */
  static async open(options: QueueStoreOptions): Promise<QueueStore> {
    const store = new QueueStore(options);
    const { path, logger } = options;
    if (path === undefined) return store;
    const replay = createReplay();
    const journal = await openJournal({
      path,
      logger,
      replay: replay.apply,
      snapshot: () => store.#snapshot(),
    });
    store.#journal = journal;
    for (const { name, description, messages, recent } of replay.queues()) {
      const queue = new MessageQueue(store.#identity(name), description, journal);
      for (const message of messages) queue.insert(message);
      for (const { messageDeduplicationId: id, messageId, sequenceNumber, sentTimestamp } of recent)
        if (id !== undefined) queue.recordDeduplication(id, messageId, sequenceNumber, sentTimestamp);
      store.#byName.set(name, queue);
    }
    return store;
  }

  createQueue(
    name: string,
    _url: string,
    _arn: string,
    attributes: Readonly<Record<string, string>> = {},
    tags: Readonly<Record<string, string>> = {},
  ): MessageQueue {
    const queue = new MessageQueue(this.#identity(name), { attributes, tags }, this.#journal);
    this.#byName.set(name, queue);
    queue.noteDescription();
    return queue;
  }

  deleteQueue(url: string): boolean {
    const queue = this.getQueue(url);
    if (queue === undefined) return false;
    this.#journal.append(['drop', queue.name]);
    return this.#byName.delete(queue.name);
  }

  getQueue(url: string): MessageQueue | undefined {
    return this.#byName.get(url.slice(url.lastIndexOf('/') + 1));
  }

  getQueueByName(name: string): MessageQueue | undefined {
    return this.#byName.get(name);
  }

  getQueueByArn(arn: string): MessageQueue | undefined {
    const queue = this.#byName.get(arn.slice(arn.lastIndexOf(':') + 1));
    return queue?.arn === arn ? queue : undefined;
  }

  listQueues(prefix: string = '', maxResults: number = Infinity): MessageQueue[] {
    return [...this.#byName.values()].filter(({ name }) => name.startsWith(prefix)).slice(0, maxResults);
  }

  buildQueueUrl(name: string): string {
    return this.#identity(name).url;
  }

  /** fauxqs's own end of long polls; there are none. */
  shutdown(): void {}

  /** Resolves when every change so far is on disk. @throws the writing error */
  async commit(): Promise<void> {
    await this.#journal.commit();
  }

  async close(): Promise<void> {
    await this.#journal.close();
  }

  /** fauxqs finds a queue by the very URL that it made; clients see another, under the stack's endpoint. */
  #identity(name: string): { name: string; url: string; arn: string } {
    return {
      name,
      url: `http://sqs.${this.region}.localhost/${this.#accountId}/${name}`,
      arn: `arn:aws:sqs:${this.region}:${this.#accountId}:${name}`,
    };
  }

  #snapshot(): readonly QueueRecord[] {
    return [...this.#byName.values()].flatMap((queue): QueueRecord[] => [
      ['queue', queue.name, queue.describe()],
      ...queue.allMessages().map((message): QueueRecord => ['put', queue.name, message]),
    ]);
  }
}

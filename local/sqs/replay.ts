import { DEDUPLICATION_WINDOW_MS } from './deduplication.ts';
import type { QueuedMessage } from './message.ts';
import type { QueueDescription, QueueRecord } from './records.ts';

/** A queue as the journal left it. */
export interface ReplayedQueue {
  readonly name: string;
  readonly description: QueueDescription;
  /** In the order of sending. */
  readonly messages: readonly QueuedMessage[];
  /** Of a FIFO queue: those sent lately, deleted or not, in the order of sending. */
  readonly recent: readonly QueuedMessage[];
}

interface Draft {
  description: QueueDescription;
  /** Highest sequence number given, also to messages that are gone. */
  sequence: number;
  readonly messages: Map<string, QueuedMessage>;
  readonly recent: QueuedMessage[];
}

/** Builds queues from the records of a journal. */
export function createReplay(): {
  readonly apply: (record: QueueRecord) => void;
  queues(): readonly ReplayedQueue[];
} {
  const drafts = new Map<string, Draft>();
  const rememberedFromMs = Date.now() - DEDUPLICATION_WINDOW_MS;

  const put = (draft: Draft | undefined, message: QueuedMessage): void => {
    if (draft === undefined) return; // moved to a queue that has been deleted
    draft.messages.set(message.messageId, message);
    draft.sequence = Math.max(draft.sequence, Number(message.sequenceNumber ?? 0));
  };

  const apply = (record: QueueRecord): void => {
    const draft = drafts.get(record[1]);
    switch (record[0]) {
      case 'queue':
        if (draft === undefined)
          drafts.set(record[1], { description: record[2], sequence: 0, messages: new Map(), recent: [] });
        else draft.description = record[2];
        break;
      case 'drop':
        drafts.delete(record[1]);
        break;
      case 'put':
        put(draft, record[2]);
        if (record[2].messageDeduplicationId !== undefined && record[2].sentTimestamp > rememberedFromMs)
          draft?.recent.push(record[2]);
        break;
      case 'got': {
        const message = draft?.messages.get(record[2]);
        if (message === undefined) break;
        message.approximateReceiveCount = record[3];
        message.approximateFirstReceiveTimestamp = record[4];
        break;
      }
      case 'del':
        draft?.messages.delete(record[2]);
        break;
      case 'move':
        draft?.messages.delete(record[2]);
        put(drafts.get(record[3]), record[4]);
        break;
      case 'purge':
        draft?.messages.clear();
        break;
    }
  };

  return {
    apply,
    queues: () =>
      [...drafts].map(([name, { description, sequence, messages, recent }]) => ({
        name,
        description: { ...description, sequence: Math.max(description.sequence, sequence) },
        messages: [...messages.values()],
        recent,
      })),
  };
}

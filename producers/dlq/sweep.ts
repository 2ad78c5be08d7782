import type { Logger } from '../../shared/logger.ts';
import { readDeadLetter, type FoundDeadLetter } from './dead-letter.ts';
import type { SqsCalls } from './sqs-calls.ts';

/** Receives in a row that bring nothing new, after which the queue counts as seen. */
const IDLE_RECEIVES = 2;

export interface SweepOptions {
  readonly queueUrl: string;
  readonly calls: SqsCalls;
  readonly logger: Logger;
  /** For how long what was seen is hidden from others, in seconds. */
  readonly visibilitySeconds: number;
  /** Long poll of each receive, in seconds. */
  readonly waitSeconds: number;
  /** Looks no further once it has seen so many messages. */
  readonly maxMessages: number;
}

/** One look at a queue. Iterate it once. */
export interface Sweep extends AsyncIterable<readonly FoundDeadLetter[]> {
  /** Says that a message was deleted, so that it is not made visible at the end. */
  removed(letter: FoundDeadLetter): void;
  /** How many were seen so far, and whether it ended at `maxMessages`, so that more may be there. */
  readonly stats: { readonly seen: number; readonly truncated: boolean };
}

/**
 * Looks at every message that a queue shows, once each, without consuming it.
 *
 * SQS has no listing: messages are received with a visibility timeout, told apart by their ids, and made visible at
 * the end, whatever happens; after `kill -9` the timeout does it. What another receiver holds at the time is not seen,
 * and every look counts as a receive.
 */
export function sweep(options: SweepOptions): Sweep {
  const { queueUrl, calls, logger, visibilitySeconds, waitSeconds, maxMessages } = options;
  const known = new Set<string>();
  const held = new Map<string, string>(); // message id → newest receipt handle
  let idle = 0;

  async function* batches(): AsyncGenerator<readonly FoundDeadLetter[]> {
    try {
      while (idle < IDLE_RECEIVES && known.size < maxMessages) {
        const messages = await calls.receive(queueUrl, visibilitySeconds, waitSeconds);
        const letters = messages.map((message) => readDeadLetter(message));
        const fresh = letters.filter(({ messageId }) => !known.has(messageId));
        for (const { messageId, receiptHandle } of letters) {
          known.add(messageId);
          held.set(messageId, receiptHandle);
        }
        idle = fresh.length === 0 ? idle + 1 : 0;
        if (fresh.length > 0) yield fresh;
      }
    } finally {
      await calls.release(queueUrl, [...held.values()]).catch((error: unknown) => {
        logger.warn({ queueUrl, held: held.size, error }, 'messages stay hidden until their timeout');
      });
    }
  }

  return {
    [Symbol.asyncIterator]: batches,
    removed: ({ messageId }) => held.delete(messageId),
    get stats() {
      return { seen: known.size, truncated: idle < IDLE_RECEIVES };
    },
  };
}

import type { FoundDeadLetter } from './dead-letter.ts';
import {
  resolveDlqOptions,
  resolveWalk,
  type DeadLetterQueueOptions,
  type DeadLetterWalk,
} from './options.ts';
import { redrive, type RedriveOptions, type RedriveReport } from './redrive.ts';
import { createSqsCalls } from './sqs-calls.ts';
import { sweep, type Sweep } from './sweep.ts';

/** What a look at the queue found. */
export interface DeadLetterList {
  /** Those that match, the same rejection once; how often it lay there says `copies`. */
  readonly messages: readonly (FoundDeadLetter & { readonly copies: number })[];
  /** Messages looked at, matching or not. */
  readonly seen: number;
  /** True if the look ended at `maxMessages`, so that there may be more. */
  readonly truncated: boolean;
  /** Messages that SQS says it holds, visible or not: about, for SQS counts lazily. */
  readonly approximateTotal: number;
}

export interface PurgeOptions extends DeadLetterWalk {
  readonly onProgress?: (progress: { readonly deleted: number }) => void;
}

export interface PurgeReport {
  readonly deleted: number;
  readonly left: number;
  readonly failed: readonly { readonly messageId: string; readonly reason: string }[];
  readonly truncated: boolean;
}

/** The messages of a queue, one by one; what is neither held nor removed is visible again when the walk ends. */
export interface DeadLetterWalker extends AsyncIterable<FoundDeadLetter> {
  /** Keeps a message hidden when the walk ends, until its visibility timeout: for who removes it later. */
  hold(letter: FoundDeadLetter): void;
  /** Deletes a message; one that cannot be deleted is logged, and there again after its timeout. */
  remove(letter: FoundDeadLetter): Promise<void>;
}

/** A dead-letter queue and what an operator does with it. */
export interface DeadLetterQueue extends AsyncDisposable {
  /** Looks at the messages and leaves them where they are. */
  list(options?: DeadLetterWalk): Promise<DeadLetterList>;
  /** Looks at the messages one by one. Iterate it once. */
  walk(options?: DeadLetterWalk): DeadLetterWalker;
  /** Moves messages back to their queue. */
  redrive(options?: RedriveOptions): Promise<RedriveReport>;
  /** Deletes messages for good. */
  purge(options?: PurgeOptions): Promise<PurgeReport>;
  close(): Promise<void>;
}

/**
 * Opens a dead-letter queue.
 *
 * Needs `sqs:ReceiveMessage`, `ChangeMessageVisibility`, `DeleteMessage`, `GetQueueAttributes` and
 * `ListDeadLetterSourceQueues` on it; to redrive also `SendMessage` and `GetQueueAttributes` on the destination, and
 * `StartMessageMoveTask`, `ListMessageMoveTasks`, `CancelMessageMoveTask`.
 *
 * @throws {TypeError|RangeError} naming the option that is wrong
 * @example
 * await using queue = createDeadLetterQueue({ queueUrl });
 * const { moved } = await queue.redrive({ filter: { reasons: ['checksum-mismatch'] } });
 */
export function createDeadLetterQueue(options: DeadLetterQueueOptions): DeadLetterQueue {
  const resolved = resolveDlqOptions(options);
  const { queueUrl, sqs } = resolved;
  const open = (walk: DeadLetterWalk) => {
    const { matches, maxMessages } = resolveWalk(walk);
    const calls = createSqsCalls(sqs, walk.signal);
    return { matches, calls, looking: sweep({ ...resolved, calls, maxMessages }) };
  };
  const close = async (): Promise<void> => {
    if (resolved.ownsSqs) sqs.destroy();
    await Promise.resolve();
  };

  return {
    async list(walk = {}) {
      const { matches, calls, looking } = open(walk);
      const found = new Map<string, FoundDeadLetter & { copies: number }>();
      for await (const batch of looking) {
        for (const letter of batch.filter((each) => matches(each))) {
          const key = letter.rejection?.rejectId ?? `message ${letter.messageId}`;
          const known = found.get(key);
          if (known === undefined) found.set(key, { ...letter, copies: 1 });
          else known.copies += 1;
        }
      }
      const { visible, inFlight, delayed } = await calls.facts(queueUrl);
      const approximateTotal = visible + inFlight + delayed;
      return { messages: [...found.values()], ...looking.stats, approximateTotal };
    },

    walk(walk = {}) {
      const { matches, calls, looking } = open(walk);
      return {
        [Symbol.asyncIterator]: () => flat(looking, matches),
        hold: (letter) => looking.removed(letter),
        async remove(letter) {
          const [failure] = await calls.remove(queueUrl, [letter.receiptHandle]);
          if (failure === undefined) looking.removed(letter);
          else
            resolved.logger.warn(
              { messageId: letter.messageId, failure },
              'a dead letter could not be deleted',
            );
        },
      };
    },

    redrive: async (asked = {}) => await redrive(asked, resolved, createSqsCalls(sqs, asked.signal)),

    async purge(asked = {}) {
      const { matches, calls, looking } = open(asked);
      const failed: { messageId: string; reason: string }[] = [];
      let deleted = 0;
      for await (const batch of looking) {
        const letters = batch.filter((letter) => matches(letter));
        const outcomes = await calls.remove(
          queueUrl,
          letters.map(({ receiptHandle }) => receiptHandle),
        );
        for (const [index, letter] of letters.entries()) {
          const reason = outcomes[index];
          if (reason === undefined) {
            looking.removed(letter);
            deleted += 1;
          } else failed.push({ messageId: letter.messageId, reason });
        }
        asked.onProgress?.({ deleted });
      }
      const { seen, truncated } = looking.stats;
      return { deleted, left: seen - deleted, failed, truncated };
    },
    close,
    [Symbol.asyncDispose]: close,
  };
}

async function* flat(
  looking: Sweep,
  matches: (letter: FoundDeadLetter) => boolean,
): AsyncGenerator<FoundDeadLetter> {
  for await (const batch of looking) for (const letter of batch) if (matches(letter)) yield letter;
}

import { RedriveError } from '../../shared/errors.ts';
import { show } from '../../shared/options.ts';
import { createPacer } from '../pacer.ts';
import { originalAttributes, type FoundDeadLetter } from './dead-letter.ts';
import { runMoveTask } from './move-task.ts';
import { resolveWalk, type DeadLetterWalk, type ResolvedDlqOptions } from './options.ts';
import type { OutgoingMessage, SqsCalls } from './sqs-calls.ts';
import { sweep } from './sweep.ts';

export interface RedriveOptions extends DeadLetterWalk {
  /**
   * Queue to move to, URL or ARN.
   * @default - each message's own: the target that EventBridge could not reach, the queue whose redrive policy moved
   *   it, or the only queue that has this one as its dead-letter queue
   */
  readonly destination?: string;
  /**
   * `task` lets SQS move the whole queue (StartMessageMoveTask), `own` receives, sends and deletes here.
   * @default 'auto': a task where everything is wanted and one destination takes it all, else here
   */
  readonly via?: 'auto' | 'task' | 'own';
  /** Messages a second. @default - no limit */
  readonly ratePerSecond?: number;
  /** Stop after so many were moved. @default - all that match */
  readonly limit?: number;
  readonly onProgress?: (progress: RedriveProgress) => void;
}

export interface RedriveProgress {
  readonly moved: number;
  /** Where it is known. */
  readonly toMove?: number;
}

/** What a redrive did. */
export interface RedriveReport {
  readonly via: 'task' | 'own';
  readonly moved: number;
  /** Deleted without being sent: the same rejection lay there more than once. */
  readonly duplicates: number;
  /** Looked at and left where they are; not known of a task. */
  readonly left: number;
  readonly failed: readonly { readonly messageId: string; readonly reason: string }[];
  /** True if the walk ended at `maxMessages`. */
  readonly truncated: boolean;
  /** Messages moved, by destination URL. */
  readonly destinations: Readonly<Record<string, number>>;
}

/** Destinations by what a message says of itself. */
interface Destinations {
  /** The one that takes everything, if there is one. */
  readonly only: string | undefined;
  /** The queues whose redrive policy names this queue. */
  readonly sources: readonly string[];
  of(letter: FoundDeadLetter): Promise<string>;
}

/**
 * Moves dead letters back to the queue they belong to.
 *
 * A message is sent first and deleted when it has been taken: killed half-way, it may be in both queues, never in
 * none. Sent again it is another message with the same event id, so idempotency makes it one effect.
 *
 * @throws {TypeError|RangeError} naming the option that is wrong
 * @throws {RedriveError} when no destination is known, or SQS's own task failed
 */
export async function redrive(
  options: RedriveOptions,
  resolved: ResolvedDlqOptions,
  calls: SqsCalls,
): Promise<RedriveReport> {
  const { queueUrl, sqs, clock } = resolved;
  const { via = 'auto', signal, onProgress = () => {}, limit = Number.POSITIVE_INFINITY } = options;
  const walk = resolveWalk(options);
  const all = walk.matchesAll && options.limit === undefined;
  if (via === 'task' && !all) throw new TypeError('via: got "task" with a filter or limit, expected "own"');
  const pace = createPacer(options.ratePerSecond, clock);
  const destinations = await learnDestinations(options.destination, queueUrl, calls);
  // A task is for the dead-letter queue of a queue; one of an EventBridge target only is refused.
  const byTask = via === 'task' || (via === 'auto' && all && destinations.sources.length > 0);
  if (byTask && destinations.only !== undefined) {
    const [source, destination] = [await calls.facts(queueUrl), await calls.facts(destinations.only)];
    const rate = options.ratePerSecond;
    const moved = await runMoveTask(sqs, clock, {
      sourceArn: source.arn,
      destinationArn: destination.arn,
      perSecond: rate === undefined ? undefined : Math.min(500, Math.max(1, Math.floor(rate))),
      onProgress,
      signal,
    });
    const none = { duplicates: 0, left: 0, failed: [], truncated: false };
    return { via: 'task', moved, ...none, destinations: { [destinations.only]: moved } };
  }
  if (via === 'task') throw noDestination(queueUrl, destinations.sources);

  const counts = { moved: 0, duplicates: 0, failed: [] as { messageId: string; reason: string }[] };
  const byDestination: Record<string, number> = {};
  const sent = new Set<string>(); // reject ids
  const looking = sweep({ ...resolved, calls, maxMessages: walk.maxMessages });
  const remove = async (letters: readonly FoundDeadLetter[], done: () => void): Promise<void> => {
    const outcomes = await calls.remove(
      queueUrl,
      letters.map(({ receiptHandle }) => receiptHandle),
    );
    for (const [index, letter] of letters.entries()) {
      const failure = outcomes[index];
      if (failure === undefined) {
        looking.removed(letter);
        done();
      } else counts.failed.push({ messageId: letter.messageId, reason: `sent, not deleted: ${failure}` });
    }
  };

  for await (const batch of looking) {
    const groups = new Map<string, FoundDeadLetter[]>();
    const again: FoundDeadLetter[] = [];
    let taken = 0;
    for (const letter of batch.filter((each) => walk.matches(each))) {
      const id = letter.rejection?.rejectId;
      if (id !== undefined && sent.has(id)) {
        again.push(letter);
        continue;
      }
      if (counts.moved + taken >= limit) continue;
      taken += 1;
      if (id !== undefined) sent.add(id);
      const destination = await destinations.of(letter);
      groups.set(destination, [...(groups.get(destination) ?? []), letter]);
      await pace(signal);
    }
    for (const [destination, letters] of groups) {
      const outcomes = await calls.send(destination, letters.map(outgoing));
      const taken = letters.filter((letter, index) => {
        const failure = outcomes[index];
        if (failure === undefined) return true;
        counts.failed.push({ messageId: letter.messageId, reason: failure });
        sent.delete(letter.rejection?.rejectId ?? '');
        return false;
      });
      await remove(taken, () => {
        counts.moved += 1;
        byDestination[destination] = (byDestination[destination] ?? 0) + 1;
      });
    }
    await remove(
      again.filter(({ rejection }) => sent.has(rejection?.rejectId ?? '')),
      () => (counts.duplicates += 1),
    );
    onProgress({ moved: counts.moved });
    if (counts.moved >= limit) break;
  }
  const { seen, truncated } = looking.stats;
  const left = seen - counts.moved - counts.duplicates;
  return { via: 'own', ...counts, left, truncated, destinations: byDestination };
}

function outgoing(letter: FoundDeadLetter): OutgoingMessage {
  const { groupId } = letter;
  return {
    body: letter.body(),
    attributes: originalAttributes(letter.attributes),
    ...(groupId === undefined
      ? {}
      : { groupId, deduplicationId: letter.rejection?.rejectId ?? letter.messageId }),
  };
}

async function learnDestinations(
  asked: string | undefined,
  queueUrl: string,
  calls: SqsCalls,
): Promise<Destinations> {
  const urls = new Map<string, string>();
  const urlOf = async (arn: string): Promise<string> => {
    const url = urls.get(arn) ?? (await calls.urlOf(arn));
    urls.set(arn, url);
    return url;
  };
  if (asked !== undefined) {
    if (!/^(arn:[\w-]+:sqs:|https?:\/\/)/.test(asked))
      throw new TypeError(`destination: got ${show(asked)}, expected the URL or ARN of a queue`);
    const only = asked.startsWith('arn:') ? await urlOf(asked) : asked;
    if (only === queueUrl)
      throw new TypeError('destination: got the dead-letter queue itself, expected another queue');
    return { only, sources: await calls.sources(queueUrl), of: () => Promise.resolve(only) };
  }
  const sources = await calls.sources(queueUrl);
  const only = sources.length === 1 ? sources[0] : undefined;
  return {
    only,
    sources,
    async of({ originArn }) {
      if (originArn !== undefined) return await urlOf(originArn);
      if (only !== undefined) return only;
      throw noDestination(queueUrl, sources);
    },
  };
}

function noDestination(queueUrl: string, sources: readonly string[]): RedriveError {
  const why =
    sources.length === 0
      ? 'no queue has it as its dead-letter queue'
      : `${sources.length} queues have it as their dead-letter queue (${sources.join(', ')})`;
  return new RedriveError(`${queueUrl}: where to move to is not known: ${why}; name the destination`, {
    details: { queueUrl, sources },
  });
}

import { RangeMismatchError } from '../../shared/errors.ts';
import { totalBytes } from '../../shared/s3-replies.ts';
import { pin, request, type Answer } from './read-span.ts';
import { Recovery } from './recovery.ts';
import type { Transfer } from './transfer.ts';

/**
 * Learns size, etag and version of a bare URL's object by asking for its first byte; a GET URL is not good for
 * HEAD. An empty object has no first byte: the store's 416 says so.
 *
 * @throws {RangeMismatchError} when the store does not tell the size
 * @throws all that a range may throw
 */
export async function learnObject(transfer: Transfer): Promise<void> {
  const { identity, urls, signal } = transfer;
  const recovery = new Recovery(transfer);
  for (;;) {
    signal.throwIfAborted();
    const url = await urls.current();
    const answer = await request(transfer, url, { start: 0, end: 1 }, undefined);
    if ('response' in answer) {
      const { response } = answer;
      pin(transfer, response);
      await response.discard();
      identity.sizeBytes = totalBytes(response) ?? unknownSize(identity.label);
      return;
    }
    const size = sizeOfRefusal(answer);
    if (size === undefined) {
      await recovery.recover(answer.interruption, 0);
      continue;
    }
    identity.sizeBytes = size;
    return;
  }
}

/** What a reply without the byte still tells: an empty object, or a store that ignores ranges. */
function sizeOfRefusal(answer: Exclude<Answer, { response: unknown }>): number | undefined {
  const { interruption, headers } = answer;
  if (interruption.kind !== 'reply' || interruption.verdict.kind !== 'range') return undefined;
  const { status } = interruption.verdict;
  if (status === 416) return totalBytes({ status, headers }) ?? 0;
  return status === 200 ? totalBytes({ status, headers }) : undefined;
}

function unknownSize(label: string): never {
  throw new RangeMismatchError(`GET ${label}: the store does not tell the size of the object`);
}

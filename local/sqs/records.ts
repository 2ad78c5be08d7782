import { crc32 } from 'node:zlib';

import type { QueuedMessage } from './message.ts';

/** A queue without its messages. */
export interface QueueDescription {
  readonly attributes: Readonly<Record<string, string>>;
  readonly tags: Readonly<Record<string, string>>;
  /** Epoch seconds. */
  readonly createdTimestamp: number;
  /** Epoch seconds. */
  readonly lastModifiedTimestamp: number;
  /** Last sequence number given, of a FIFO queue. */
  readonly sequence: number;
}

/**
 * One line of the journal. Every kind may be applied twice, one after the other: a compaction may hold what the
 * records after it say again.
 */
export type QueueRecord =
  /** A queue is there, or has changed. */
  | readonly ['queue', queue: string, description: QueueDescription]
  /** A queue is gone, with its messages. */
  | readonly ['drop', queue: string]
  /** A message is in a queue. */
  | readonly ['put', queue: string, message: QueuedMessage]
  /** A message was handed out for the `count`th time. */
  | readonly ['got', queue: string, messageId: string, count: number, firstReceiveMs: number]
  /** A message was deleted. */
  | readonly ['del', queue: string, messageId: string]
  /** A message left `from` for `to`, under a new id maybe: one record, so that it is never in both or in none. */
  | readonly ['move', from: string, messageId: string, to: string, message: QueuedMessage]
  /** All messages of a queue were deleted. */
  | readonly ['purge', queue: string];

/** The line of a record: its CRC-32 in hex, a space, its JSON, a line feed. */
export function encodeRecord(record: QueueRecord): string {
  const json = JSON.stringify(record);
  return `${crcOf(json)} ${json}\n`;
}

/** The record of a line, given without its line feed; undefined if the line is torn or damaged. */
export function decodeRecord(line: string): QueueRecord | undefined {
  const json = line.slice(9);
  if (line.slice(0, 9) !== `${crcOf(json)} `) return undefined;
  return JSON.parse(json) as QueueRecord;
}

function crcOf(json: string): string {
  return crc32(json).toString(16).padStart(8, '0');
}

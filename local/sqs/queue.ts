import { randomUUID } from 'node:crypto';

import { deduplicationWindow } from './deduplication.ts';
import { toHandedMessage, type HandedMessage, type InflightMessage, type QueuedMessage } from './message.ts';
import type { Journal } from './journal.ts';
import { DEFAULT_ATTRIBUTES, queueAttribute, QUEUE_ATTRIBUTES, redrivePolicyOf } from './queue-attributes.ts';
import { fifoLine, standardLine } from './ready-line.ts';
import type { QueueDescription } from './records.ts';

/** What a queue is told about itself when it is made. */
export interface QueueIdentity {
  readonly name: string;
  readonly url: string;
  readonly arn: string;
}

/**
 * A queue, with the methods that fauxqs's actions call, and every change noted in the journal.
 *
 * A message is *delayed* until its delay ends, *ready*, then *in flight* from its receipt until it is deleted or its
 * visibility timeout ends and it is ready again. What is in flight is not journalled as such: after a restart
 * it is ready. Time is looked at when a method is called; there are no timers.
 */
export class MessageQueue {
  readonly name: string;
  readonly url: string;
  readonly arn: string;
  /** All attributes that can be set, by name. */
  attributes: Record<string, string>;
  readonly tags: Map<string, string>;
  readonly inflightMessages = new Map<string, InflightMessage>();
  readonly #journal: Journal;
  readonly #line;
  readonly #deduplication = deduplicationWindow();
  #delayed: QueuedMessage[] = [];
  #created: number;
  #modified: number;
  #sequence: number;

  constructor({ name, url, arn }: QueueIdentity, description: Partial<QueueDescription>, journal: Journal) {
    const nowSeconds = Math.floor(Date.now() / 1_000);
    this.name = name;
    this.url = url;
    this.arn = arn;
    this.attributes = { ...DEFAULT_ATTRIBUTES, ...description.attributes };
    this.tags = new Map(Object.entries(description.tags ?? {}));
    this.#created = description.createdTimestamp ?? nowSeconds;
    this.#modified = description.lastModifiedTimestamp ?? nowSeconds;
    this.#sequence = description.sequence ?? 0;
    this.#journal = journal;
    this.#line = this.isFifo() ? fifoLine() : standardLine();
  }

  isFifo(): boolean {
    return this.name.endsWith('.fifo');
  }

  getAllAttributes(requested: readonly string[]): Record<string, string> {
    this.#tick();
    const names = requested.includes('All') ? QUEUE_ATTRIBUTES : requested;
    const state = {
      arn: this.arn,
      ready: this.#line.size,
      inFlight: this.inflightMessages.size,
      delayed: this.#delayed.length,
      ...this.describe(),
    };
    const found = names.map((name) => [name, queueAttribute(name, state)] as const);
    return Object.fromEntries(
      found.filter((entry): entry is readonly [string, string] => entry[1] !== undefined),
    );
  }

  setAttributes(attributes: Readonly<Record<string, string>>): void {
    Object.assign(this.attributes, attributes);
    this.#modified = Math.floor(Date.now() / 1_000);
    this.noteDescription();
  }

  /** Takes in a message that was sent here. */
  enqueue(message: QueuedMessage): void {
    this.#journal.append(['put', this.name, message]);
    this.insert(message);
  }

  /** Takes in a message without a word to the journal. */
  insert(message: QueuedMessage): void {
    if (message.delayUntil !== undefined && message.delayUntil > Date.now()) this.#delayed.push(message);
    else this.#line.push(message);
  }

  /** Hands out up to `maxCount` messages; those received too often go to the dead-letter queue instead. */
  dequeue(
    maxCount: number,
    visibilityTimeoutSeconds?: number,
    resolveQueue?: (arn: string) => MessageQueue | undefined,
  ): HandedMessage[] {
    this.#tick();
    const nowMs = Date.now();
    const { maxReceiveCount, deadLetterTargetArn } = redrivePolicyOf(this.attributes);
    const deadLetterQueue =
      deadLetterTargetArn === undefined ? undefined : resolveQueue?.(deadLetterTargetArn);
    const visibleAtMs =
      nowMs + (visibilityTimeoutSeconds ?? Number(this.attributes['VisibilityTimeout'])) * 1_000;
    const handed: HandedMessage[] = [];
    while (handed.length < Math.min(maxCount, 10)) {
      const message = this.#line.take();
      if (message === undefined) break;
      message.approximateReceiveCount += 1;
      message.approximateFirstReceiveTimestamp ??= nowMs;
      if (deadLetterQueue !== undefined && message.approximateReceiveCount > maxReceiveCount) {
        this.moveTaken(message, deadLetterQueue, { ...message, deadLetterSourceArn: this.arn });
        continue;
      }
      const { messageId, approximateReceiveCount, approximateFirstReceiveTimestamp: firstMs } = message;
      this.#journal.append(['got', this.name, messageId, approximateReceiveCount, firstMs]);
      const receiptHandle = randomUUID();
      this.inflightMessages.set(receiptHandle, { message, receiptHandle, visibilityDeadline: visibleAtMs });
      handed.push(toHandedMessage(message, receiptHandle));
    }
    return handed;
  }

  /** Takes the next ready message out without receiving it, to be moved or given back. */
  takeReady(): QueuedMessage | undefined {
    this.#tick();
    return this.#line.take();
  }

  /** Puts a message back that `takeReady` gave. */
  giveBack(message: QueuedMessage): void {
    this.#line.giveBack(message);
  }

  /** Moves a message that was taken to another queue; it is in one of both at every moment, also on disk. */
  moveTaken(message: QueuedMessage, to: MessageQueue, moved: QueuedMessage): void {
    this.#journal.append(['move', this.name, message.messageId, to.name, moved]);
    this.#line.done(message);
    to.insert(moved);
  }

  deleteMessage(receiptHandle: string): boolean {
    const entry = this.inflightMessages.get(receiptHandle);
    if (entry === undefined) return false;
    this.#journal.append(['del', this.name, entry.message.messageId]);
    this.#line.done(entry.message);
    return this.inflightMessages.delete(receiptHandle);
  }

  changeVisibility(receiptHandle: string, timeoutSeconds: number): void {
    const entry = this.inflightMessages.get(receiptHandle);
    if (entry === undefined) return;
    entry.visibilityDeadline = Date.now() + timeoutSeconds * 1_000;
    if (timeoutSeconds === 0) this.#tick();
  }

  purge(): void {
    this.#journal.append(['purge', this.name]);
    this.#line.clear();
    this.#delayed = [];
    this.inflightMessages.clear();
  }

  /** fauxqs's own long poll; never needed here, because receivers wait outside the store. */
  async waitForMessages(): Promise<void> {}

  checkDeduplication(id: string): ReturnType<ReturnType<typeof deduplicationWindow>['check']> {
    return this.#deduplication.check(id, Date.now());
  }

  /** @param sentMs when the message was sent, epoch milliseconds. @default - now */
  recordDeduplication(id: string, messageId: string, sequenceNumber?: string, sentMs?: number): void {
    this.#deduplication.record(id, { messageId, sequenceNumber, sentMs: sentMs ?? Date.now() });
  }

  nextSequenceNumber(): string {
    this.#sequence += 1;
    return String(this.#sequence).padStart(20, '0');
  }

  /** Notes the queue without its messages in the journal. */
  noteDescription(): void {
    this.#journal.append(['queue', this.name, this.describe()]);
  }

  describe(): QueueDescription {
    return {
      attributes: { ...this.attributes },
      tags: Object.fromEntries(this.tags),
      createdTimestamp: this.#created,
      lastModifiedTimestamp: this.#modified,
      sequence: this.#sequence,
    };
  }

  /** Every message held, those in flight first: they were ready before the others. */
  allMessages(): readonly QueuedMessage[] {
    const inFlight = [...this.inflightMessages.values()].map(({ message }) => message);
    return [...inFlight, ...this.#line.all(), ...this.#delayed];
  }

  /** Ready messages. */
  get readyCount(): number {
    this.#tick();
    return this.#line.size;
  }

  /** Makes ready whatever has become visible. */
  #tick(): void {
    const nowMs = Date.now();
    for (const [handle, { message, visibilityDeadline }] of this.inflightMessages) {
      if (visibilityDeadline > nowMs) continue;
      this.inflightMessages.delete(handle);
      this.#line.giveBack(message);
    }
    if (this.#delayed.length === 0) return;
    const stillDelayed: QueuedMessage[] = [];
    for (const message of this.#delayed) {
      if ((message.delayUntil ?? 0) > nowMs) stillDelayed.push(message);
      else this.#line.push(message);
    }
    this.#delayed = stillDelayed;
  }
}

/** How long a FIFO queue remembers a deduplication id, in milliseconds. @see https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/using-messagededuplicationid-property.html */
export const DEDUPLICATION_WINDOW_MS = 300_000;

interface Remembered {
  readonly messageId: string;
  readonly sequenceNumber: string | undefined;
  readonly sentMs: number;
}

/** Makes the memory of a FIFO queue for deduplication ids. */
export function deduplicationWindow(): {
  check(
    id: string,
    nowMs: number,
  ): {
    readonly isDuplicate: boolean;
    readonly originalMessageId?: string;
    readonly originalSequenceNumber?: string | undefined;
  };
  record(id: string, sent: Remembered): void;
} {
  const byId = new Map<string, Remembered>(); // in the order of sending
  return {
    check: (id, nowMs) => {
      for (const [oldest, { sentMs }] of byId) {
        if (sentMs > nowMs - DEDUPLICATION_WINDOW_MS) break;
        byId.delete(oldest);
      }
      const found = byId.get(id);
      if (found === undefined) return { isDuplicate: false };
      const { messageId, sequenceNumber } = found;
      return { isDuplicate: true, originalMessageId: messageId, originalSequenceNumber: sequenceNumber };
    },
    record: (id, sent) => {
      byId.delete(id);
      byId.set(id, sent);
    },
  };
}

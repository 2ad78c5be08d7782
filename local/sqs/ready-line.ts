import type { QueuedMessage } from './message.ts';

/** The visible messages of a queue, in the order in which they are handed out. */
export interface ReadyLine {
  readonly size: number;
  /** Adds a message at the end. */
  push(message: QueuedMessage): void;
  /** Takes the next message that may be handed out. */
  take(): QueuedMessage | undefined;
  /** Puts a message back that was taken. */
  giveBack(message: QueuedMessage): void;
  /** A message that was taken has left for good. */
  done(message: QueuedMessage): void;
  all(): readonly QueuedMessage[];
  clear(): void;
}

/** A standard queue's line; what comes back goes to the end. */
export function standardLine(): ReadyLine {
  let messages: QueuedMessage[] = [];
  let first = 0;
  const push = (message: QueuedMessage): void => void messages.push(message);
  return {
    get size() {
      return messages.length - first;
    },
    push,
    take: () => {
      const message = messages[first];
      if (message === undefined) return undefined;
      first += 1;
      if (first > 1_000 && first > messages.length / 2) {
        messages = messages.slice(first); // now and then, so that taking costs O(1) a message
        first = 0;
      }
      return message;
    },
    giveBack: push,
    done: () => {},
    all: () => messages.slice(first),
    clear: () => {
      messages = [];
      first = 0;
    },
  };
}

/** A FIFO queue's line: groups in turn, of each group one message at a time, what comes back goes to the front. */
export function fifoLine(): ReadyLine {
  const groups = new Map<string, QueuedMessage[]>();
  const locked = new Set<string>();
  let size = 0;
  const groupOf = (message: QueuedMessage): string => message.messageGroupId ?? '';
  const membersOf = (group: string): QueuedMessage[] => {
    const members = groups.get(group) ?? [];
    groups.set(group, members);
    return members;
  };
  return {
    get size() {
      return size;
    },
    push: (message) => {
      membersOf(groupOf(message)).push(message);
      size += 1;
    },
    take: () => {
      for (const [group, members] of groups) {
        if (locked.has(group)) continue;
        const message = members.shift();
        if (members.length === 0) groups.delete(group);
        if (message === undefined) continue;
        locked.add(group);
        size -= 1;
        return message;
      }
      return undefined;
    },
    giveBack: (message) => {
      locked.delete(groupOf(message));
      membersOf(groupOf(message)).unshift(message);
      size += 1;
    },
    done: (message) => void locked.delete(groupOf(message)),
    all: () => [...groups.values()].flat(),
    clear: () => {
      groups.clear();
      locked.clear();
      size = 0;
    },
  };
}

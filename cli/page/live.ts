import type { ServerResponse } from 'node:http';
import type { Spy } from '../../local/index.ts';
import type { Logger } from '../../shared/logger.ts';
import type { DeadLetterView, ExchangeChange, SampleView } from '../../shared/exchange-view.ts';
import type { ExchangeState } from './exchange-state.ts';
import type { WatchedQueues } from './queue-depths.ts';
import { NO_STORE } from './refuse.ts';

/** Between two looks at the stack, in milliseconds. */
const LOOK_MS = 500;
/** Points of the plots that a page gets when it opens. */
const KEPT_SAMPLES = 120;
/** Pages that watch at once. */
const MAX_WATCHERS = 20;
/** Bytes that may wait for a page that does not read; then its connection ends, and the browser comes again. */
const MAX_UNREAD_BYTES = 4 * 1024 ** 2;

export interface LiveOptions {
  readonly spy: Spy;
  readonly state: ExchangeState;
  readonly queues: WatchedQueues;
  readonly logger: Logger;
}

/** What happens in the exchange, as a stream of server-sent events. */
export interface Live extends AsyncDisposable {
  /** Answers with the stream; false when too many watch. @see https://html.spec.whatwg.org/multipage/server-sent-events.html */
  watch(response: ServerResponse): boolean;
}

/** Looks at the stack twice a second, whether or not somebody watches; at the queues only if somebody does. */
export function startLive({ spy, state, queues, logger }: LiveOptions): Live {
  const watchers = new Set<ServerResponse>();
  const samples: SampleView[] = [];
  let deadLetters: readonly DeadLetterView[] = [];
  let deadEventIds: ReadonlySet<string> = new Set();
  let knownDead: number | undefined;
  let [sequence, lookedAtMs] = [0, Date.now()];
  let before = { down: 0, up: 0, flowing: 0 };
  let looking: Promise<void> = Promise.resolve();

  /** Bytes that went down and up since the last look. */
  const takeRecords = () => {
    const records = spy.records().filter((record) => record.sequence > sequence);
    sequence = records.at(-1)?.sequence ?? sequence;
    const flows = spy.flows();
    const flowing = flows.reduce((sum, { bytes }) => sum + bytes(), 0);
    let { down, up } = before;
    for (const record of records) {
      if (record.kind !== 's3') continue;
      down += record.bytes;
      if (record.status < 300) up += record.requestBytes;
    }
    const moved = {
      down: Math.max(0, down + flowing - before.down - before.flowing),
      up: up - before.up,
    };
    before = { down, up, flowing };
    return { changed: state.update(records, flows, deadEventIds), moved };
  };

  const look = async (): Promise<void> => {
    const depths = watchers.size === 0 ? undefined : await queues.depths();
    const isNews = depths !== undefined && depths.dead !== knownDead;
    knownDead = depths?.dead; // unwatched, anything may have happened
    if (isNews) {
      deadLetters = await queues.deadLetters();
      deadEventIds = new Set(deadLetters.flatMap(({ eventId = [] }) => eventId));
    }
    const { changed, moved } = takeRecords();
    const nowMs = Date.now();
    const seconds = Math.max(1, nowMs - lookedAtMs) / 1000;
    lookedAtMs = nowMs;
    if (depths === undefined) return;
    const sample = {
      atMs: nowMs,
      downBytesPerSecond: Math.round(moved.down / seconds),
      upBytesPerSecond: Math.round(moved.up / seconds),
      ...depths,
    };
    samples.push(sample);
    if (samples.length > KEPT_SAMPLES) samples.shift();
    tell({ first: false, events: changed, samples: [sample], ...(isNews ? { deadLetters } : {}) });
  };

  const tell = (change: ExchangeChange): void => {
    const text = `data: ${JSON.stringify(change)}\n\n`;
    for (const watcher of watchers) {
      if (watcher.writableLength > MAX_UNREAD_BYTES) watcher.destroy();
      else watcher.write(text);
    }
  };

  let busy = false;
  const timer = setInterval(() => {
    if (busy) return;
    busy = true;
    looking = look()
      .catch((error: unknown) => logger.warn({ err: error }, 'the page cannot look at the exchange'))
      .finally(() => (busy = false));
  }, LOOK_MS);
  timer.unref();

  return {
    watch(response) {
      if (watchers.size >= MAX_WATCHERS) return false;
      response.writeHead(200, { ...NO_STORE, 'content-type': 'text/event-stream; charset=utf-8' });
      const all: ExchangeChange = { first: true, events: state.all(), deadLetters, samples };
      response.write(`retry: 1000\ndata: ${JSON.stringify(all)}\n\n`);
      watchers.add(response);
      response.once('close', () => watchers.delete(response));
      return true;
    },
    async [Symbol.asyncDispose]() {
      clearInterval(timer);
      for (const watcher of watchers) watcher.destroy();
      await looking;
    },
  };
}

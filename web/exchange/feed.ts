import type { DeadLetterView, EventView, ExchangeChange, SampleView } from '../../shared/exchange-view.ts';
import { openLocalSession } from '../local-session.ts';

/** Events shown at most. */
const SHOWN = 100;
/** Points of the plots: two minutes and a half. */
const SAMPLES = 300;
/** Between attempts to come back when the browser has given up, in milliseconds. */
const AGAIN_MS = 2000;

/** What is known of the exchange. */
export interface Known {
  /** Newest first. */
  readonly events: readonly EventView[];
  readonly deadLetters: readonly DeadLetterView[];
  /** Oldest first. */
  readonly samples: readonly SampleView[];
}

export interface FeedListener {
  onChange(known: Known): void;
  onConnection(isLive: boolean): void;
}

/** Follows the exchange for as long as the page is open; comes back by itself. */
export function followExchange(listener: FeedListener): void {
  const events = new Map<string, EventView>();
  let deadLetters: readonly DeadLetterView[] = [];
  let samples: readonly SampleView[] = [];

  const take = (change: ExchangeChange): void => {
    if (change.first) events.clear();
    for (const event of change.events) events.set(event.id, event);
    for (const id of events.keys()) {
      if (events.size <= SHOWN) break;
      events.delete(id);
    }
    deadLetters = change.deadLetters ?? deadLetters;
    samples = [...(change.first ? [] : samples), ...change.samples].slice(-SAMPLES);
    const newest = [...events.values()].sort((a, b) => b.atMs - a.atMs);
    listener.onChange({ events: newest, deadLetters, samples });
  };

  const open = (): void => {
    const source = new EventSource('live');
    source.addEventListener('open', () => listener.onConnection(true));
    source.addEventListener('message', ({ data }) => take(JSON.parse(String(data)) as ExchangeChange));
    source.addEventListener('error', () => {
      listener.onConnection(false);
      // Refused: the server was restarted, and knows our cookie no more.
      if (source.readyState === EventSource.CLOSED) again();
    });
  };
  const again = (): void => {
    setTimeout(() => void openLocalSession().then(open, again), AGAIN_MS);
  };
  open();
}

import type { EventView } from '../../shared/exchange-view.ts';
import { createRows, h, setText } from '../dom.ts';
import { formatBytes } from '../format.ts';
import { showDeadLetters } from './dead-letters.ts';
import { eventCard } from './event-card.ts';
import { followExchange, type Known } from './feed.ts';
import { createPlot } from './plot.ts';

/** How often what the clock changes is written anew, in milliseconds. */
const CLOCK_MS = 1000;

/** Shows the exchange view, and keeps it up to date. */
export function showExchange(section: HTMLElement): void {
  const connection = h('p', { class: 'connection', role: 'status' }, 'Connecting…');
  const list = h('ul', { class: 'cards' });
  const empty = h(
    'p',
    { class: 'quiet' },
    'No event yet. Upload a file, or publish one: ',
    h('code', {}, 'waybill publish FILE --type report.made --source reports'),
  );
  const drawEvents = createRows<EventView>(list, ({ id }) => id, eventCard);
  const dead = showDeadLetters();
  const throughput = createPlot({
    title: 'Throughput of the store',
    format: (value) => `${formatBytes(value)}/s`,
    atLeast: 1024 ** 2,
    lines: [
      { label: 'fetched', colour: 'accent', value: (sample) => sample.downBytesPerSecond },
      { label: 'uploaded', colour: 'busy', dash: [6, 4], value: (sample) => sample.upBytesPerSecond },
    ],
  });
  const depth = createPlot({
    title: 'Queue depth',
    format: (value) => (Number.isInteger(value) ? String(value) : ''),
    atLeast: 4,
    lines: [
      { label: 'waiting', colour: 'accent', value: (sample) => sample.waiting },
      { label: 'in work', colour: 'busy', dash: [6, 4], value: (sample) => sample.inWork },
      { label: 'dead letters', colour: 'bad', dash: [2, 3], value: (sample) => sample.dead },
    ],
  });
  section.append(
    h('h1', { id: 'exchange-title' }, 'Exchange'),
    h('p', { class: 'lead' }, 'What is published, who fetches it, and how far it has come.'),
    connection,
    h('div', { class: 'plots' }, throughput.element, depth.element),
    h(
      'div',
      { class: 'columns' },
      h(
        'section',
        { class: 'panel', 'aria-labelledby': 'events-title' },
        h('h2', { id: 'events-title' }, 'Events'),
        empty,
        list,
      ),
      h(
        'section',
        { class: 'panel', 'aria-labelledby': 'dead-title' },
        h('h2', { id: 'dead-title' }, 'Dead letters'),
        dead.element,
      ),
    ),
  );

  let known: Known = { events: [], deadLetters: [], samples: [] };
  const draw = (): void => {
    drawEvents(known.events);
    empty.hidden = known.events.length > 0;
    dead.draw(known.deadLetters);
    throughput.draw(known.samples);
    depth.draw(known.samples);
  };
  followExchange({
    onChange(now) {
      known = now;
      if (!section.hidden) draw();
    },
    onConnection(isLive) {
      setText(connection, isLive ? 'Live' : 'The connection is lost; trying again.');
      connection.dataset['live'] = String(isLive);
    },
  });
  addEventListener('hashchange', () => setTimeout(draw));
  setInterval(() => {
    if (!section.hidden) drawEvents(known.events); // how long URLs live
  }, CLOCK_MS);
}

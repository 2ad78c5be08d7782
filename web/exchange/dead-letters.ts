import type { DeadLetterView } from '../../shared/exchange-view.ts';
import { createRows, h, setText, type Row } from '../dom.ts';
import { formatInstant } from '../format.ts';

const KINDS: Readonly<Record<string, string>> = {
  rejected: 'Rejected by the consumer',
  exhausted: 'Received too often',
  undeliverable: 'Not delivered',
};

/** The list of dead letters, and what draws it. */
export function showDeadLetters(): {
  readonly element: HTMLElement;
  readonly draw: (letters: readonly DeadLetterView[]) => void;
} {
  const list = h('ul', { class: 'cards' });
  const empty = h(
    'p',
    { class: 'quiet' },
    'None. What a consumer rejects for good lies here, with the reason.',
  );
  const hint = h('p', { class: 'quiet' }, 'Back to the queue: ', h('code', {}, 'waybill dlq redrive'));
  const rows = createRows<DeadLetterView>(list, ({ messageId }) => messageId, letterRow);
  return {
    element: h('div', {}, empty, list, hint),
    draw(letters) {
      rows(letters);
      empty.hidden = letters.length > 0;
      hint.hidden = letters.length === 0;
    },
  };
}

function letterRow(first: DeadLetterView): Row<DeadLetterView> {
  const reason = h('p', { class: 'reason' });
  const facts = h('p', { class: 'quiet' });
  return {
    element: h(
      'li',
      { class: 'card' },
      h(
        'div',
        { class: 'card-head' },
        h('h3', { class: 'name' }, first.type ?? 'Unreadable message'),
        h('span', { class: 'chip', 'data-state': 'dead' }, first.code),
      ),
      reason,
      facts,
      h('p', { class: 'quiet mono' }, first.eventId ?? first.messageId),
    ),
    update(letter) {
      setText(reason, letter.reason ?? '');
      const since = letter.sentAt === undefined ? '' : ` · ${formatInstant(letter.sentAt)}`;
      setText(facts, `${KINDS[letter.kind] ?? 'Nobody said why'}${since}`);
    },
  };
}

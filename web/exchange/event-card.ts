import type { AttachmentView, DeliveryView, EventState, EventView } from '../../shared/exchange-view.ts';
import { createRows, h, setText, type Row } from '../dom.ts';
import { formatBytes, formatInstant, formatSeconds } from '../format.ts';
import { call, Problem } from '../session.ts';

const STATES: Readonly<Record<EventState, string>> = {
  published: 'Published',
  queued: 'In the queue',
  working: 'In work',
  transferring: 'Transferring',
  handled: 'Handled',
  dead: 'Dead letter',
};

/** A card of one event: its state, its payloads, its messages. */
export function eventCard(first: EventView): Row<EventView> {
  const state = h('span', { class: 'chip' });
  const facts = h('p', { class: 'quiet' });
  const list = h('ul', { class: 'payloads' });
  const draw = createRows<AttachmentView>(
    list,
    ({ id }) => id,
    (attachment) => payloadRow(first.id, attachment),
  );
  return {
    element: h(
      'li',
      { class: 'card', 'data-event': first.id },
      h('div', { class: 'card-head' }, h('h3', { class: 'name' }, first.type), state),
      facts,
      h('p', { class: 'quiet mono' }, first.id),
      list,
    ),
    update(event) {
      setText(state, STATES[event.state]);
      state.dataset['state'] = event.state;
      setText(
        facts,
        [
          `from ${event.source}`,
          event.subject,
          formatInstant(event.atMs),
          event.replays === 0 ? undefined : `replayed ${times(event.replays)}`,
          describeDeliveries(event.deliveries),
        ]
          .filter((each) => each !== undefined)
          .join(' · '),
      );
      draw(event.attachments);
    },
  };
}

function describeDeliveries(deliveries: readonly DeliveryView[]): string | undefined {
  const receives = deliveries.reduce((sum, each) => sum + each.receives, 0);
  return receives === 0 ? undefined : `received ${times(receives)}`;
}

function times(count: number): string {
  if (count === 1) return 'once';
  return count === 2 ? 'twice' : `${count} times`;
}

function payloadRow(eventId: string, first: AttachmentView): Row<AttachmentView> {
  const bar = h('progress', { 'aria-label': `${first.name}: bytes that have left the store` });
  const moved = h('p', { class: 'quiet' });
  const life = h('p', { class: 'quiet life' });
  const trouble = h('p', { class: 'reason', role: 'status' });
  const download = h(
    'button',
    {
      type: 'button',
      class: 'small',
      'aria-label': `Download ${first.name}`,
      onclick: () =>
        void payloadUrl(eventId, first.id).then(
          (url) => location.assign(url),
          (error: unknown) =>
            setText(trouble, error instanceof Problem ? error.message : 'That did not work; try again.'),
        ),
    },
    'Download',
  );
  const details = h(
    'details',
    {},
    h('summary', {}, 'Details', h('span', { class: 'for-ears' }, ` of ${first.name}`)),
    h(
      'dl',
      { class: 'facts' },
      ...Object.entries({
        Kind: first.mediaType,
        Size: `${first.sizeBytes.toLocaleString()} bytes`,
        Digest: first.digest,
        Key: first.key,
        Version: first.versionId,
        'Kept until': first.retainUntil === undefined ? 'not said' : formatInstant(first.retainUntil),
      }).flatMap(([term, value]) => [h('dt', {}, term), h('dd', { class: 'mono' }, value)]),
    ),
  );
  return {
    element: h(
      'li',
      { class: 'payload' },
      h('div', { class: 'card-head' }, h('strong', { class: 'name' }, first.name), download),
      bar,
      moved,
      life,
      details,
      trouble,
    ),
    update(attachment) {
      bar.max = Math.max(1, attachment.sizeBytes);
      bar.value = attachment.sizeBytes === 0 ? 1 : attachment.coveredBytes;
      setText(moved, describeMoved(attachment));
      const [text, over] = describeLife(attachment);
      setText(life, text);
      life.classList.toggle('over', over);
    },
  };
}

async function payloadUrl(eventId: string, attachmentId: string): Promise<string> {
  const query = new URLSearchParams({ event: eventId, attachment: attachmentId });
  return (await call<{ url: string }>('POST', `live/url?${query}`)).url;
}

function describeMoved(attachment: AttachmentView): string {
  const { coveredBytes, sizeBytes, sentBytes, requests, broken, flowing } = attachment;
  const parts = [`${formatBytes(coveredBytes)} of ${formatBytes(sizeBytes)} fetched`];
  if (requests > 0) parts.push(`${requests} ${requests === 1 ? 'request' : 'requests'}`);
  if (flowing > 0) parts.push(`${flowing} under way`);
  if (broken > 0) parts.push(`${broken} refused or cut`);
  if (sentBytes > coveredBytes) parts.push(`${formatBytes(sentBytes - coveredBytes)} sent again`);
  return parts.join(' · ');
}

/** What the newest URL has left, and whether it is over. */
function describeLife({ urlExpiresAtMs, refetches }: AttachmentView): readonly [string, boolean] {
  const fetched =
    refetches === 0 ? 'no refetch' : `${refetches} ${refetches === 1 ? 'refetch' : 'refetches'}`;
  if (urlExpiresAtMs === undefined) return [`No URL yet · ${fetched}`, false];
  const leftSeconds = (urlExpiresAtMs - Date.now()) / 1000;
  return leftSeconds <= 0
    ? [`URL expired ${formatSeconds(-leftSeconds)} ago · ${fetched}`, true]
    : [`URL lives ${formatSeconds(leftSeconds)} more · ${fetched}`, false];
}

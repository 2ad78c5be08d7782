import { createRows, h, setText, type Row } from '../dom.ts';
import { formatBytes, formatInstant } from '../format.ts';
import { pause, Problem } from '../session.ts';
import { service, type UploadStatus } from './service.ts';

/** The caller's uploads and what became of them. */
export interface Outcomes {
  readonly element: HTMLElement;
  /** Follows an upload whose bytes are all there, until it is published or refused. */
  follow(uploadId: string): void;
  /** Reads the list again. */
  refresh(): Promise<void>;
}

/** Waits between two looks: soon at first, then every two seconds. */
const LOOKS_MS = [200, 300, 500, 1000, 2000];
/** Looks at one upload; after them the list is read again only by the reader's wish. */
const MAX_LOOKS = 300;
/** Shown at most. */
const SHOWN = 50;

const STATES: Readonly<Record<UploadStatus['state'], string>> = {
  open: 'Waiting for its bytes',
  accepted: 'Accepted',
  published: 'Published',
  refused: 'Refused',
  aborted: 'Cancelled',
};

/** Shows the list. @param say tells what a screen reader shall hear */
export function showOutcomes(say: (text: string) => void): Outcomes {
  const all = new Map<string, UploadStatus>();
  const followed = new Set<string>();
  const list = h('ul', { class: 'cards' });
  const empty = h(
    'p',
    { class: 'quiet' },
    'Nothing yet. What you upload appears here, and what became of it.',
  );
  const draw = createRows<UploadStatus>(list, ({ uploadId }) => uploadId, makeRow);

  const show = (): void => {
    const items = [...all.values()]
      .filter(({ state }) => state !== 'aborted')
      .sort((a, b) => (a.createdAt < b.createdAt ? 1 : -1))
      .slice(0, SHOWN);
    draw(items);
    empty.hidden = items.length > 0;
  };

  function makeRow(first: UploadStatus): Row<UploadStatus> {
    const state = h('span', { class: 'chip' });
    const reason = h('p', { class: 'reason' });
    const facts = h('p', { class: 'quiet' });
    const trouble = h('p', { class: 'reason', role: 'status' });
    const tell = (error: unknown): void =>
      setText(trouble, error instanceof Problem ? error.message : 'That did not work; try again.');
    const download = h(
      'button',
      {
        type: 'button',
        class: 'small',
        'aria-label': `Download ${first.name}`,
        onclick: () => void service.fileUrl(first.uploadId).then((url) => location.assign(url), tell),
      },
      'Download',
    );
    const cancel = h(
      'button',
      {
        type: 'button',
        class: 'small',
        'aria-label': `Cancel ${first.name}`,
        onclick: () => void service.cancel(first.uploadId).then((status) => take(status), tell),
      },
      'Cancel',
    );
    return {
      element: h(
        'li',
        { class: 'card' },
        h('div', { class: 'card-head' }, h('strong', { class: 'name' }, first.name), state),
        facts,
        reason,
        h('div', { class: 'actions' }, download, cancel),
        trouble,
      ),
      update(status) {
        const checking = status.state === 'open' && followed.has(status.uploadId);
        setText(state, checking ? 'Being checked' : STATES[status.state]);
        state.dataset['state'] = checking ? 'accepted' : status.state;
        setText(
          facts,
          `${formatBytes(status.size)} · ${status.type} · ${status.method} · ${formatInstant(status.createdAt)}`,
        );
        setText(reason, status.refusal?.detail ?? '');
        reason.hidden = status.refusal === undefined;
        download.hidden = status.state !== 'published' && status.state !== 'accepted';
        cancel.hidden = status.state !== 'open' || checking;
      },
    };
  }

  const take = (status: UploadStatus): void => {
    const before = all.get(status.uploadId)?.state;
    all.set(status.uploadId, status);
    if (before !== undefined && before !== status.state)
      say(
        `${status.name}: ${STATES[status.state]}${status.refusal === undefined ? '' : `. ${status.refusal.detail}`}`,
      );
    show();
  };

  const watch = async (uploadId: string): Promise<void> => {
    for (let look = 0; look < MAX_LOOKS; look += 1) {
      const status = await service.status(uploadId);
      take(status);
      if (['published', 'refused', 'aborted'].includes(status.state)) return;
      await pause(LOOKS_MS[look] ?? 2000);
    }
  };

  return {
    element: h('div', {}, empty, list),
    follow(uploadId) {
      if (followed.has(uploadId)) return;
      followed.add(uploadId);
      watch(uploadId)
        .catch(() => undefined)
        .finally(() => {
          followed.delete(uploadId);
          show();
        });
    },
    async refresh() {
      for (const status of await service.files()) take(status);
      show();
    },
  };
}

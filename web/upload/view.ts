import Dashboard from '@uppy/dashboard';
import { h, setText } from '../dom.ts';
import { formatBytes } from '../format.ts';
import type { Session } from '../session.ts';
import { describeKinds } from './checks.ts';
import { showOutcomes } from './outcomes.ts';
import { service, type Method } from './service.ts';
import { createUploader } from './uploader.ts';

const METHODS: readonly Method[] = ['put', 'post', 'multipart'];

/**
 * Shows the upload view.
 * @returns `clear`, which drops what waits in it, and `refresh`, which shows what was uploaded before
 */
export async function showUpload(
  section: HTMLElement,
  session: Session,
): Promise<{ readonly clear: () => Promise<void>; readonly refresh: () => Promise<void> }> {
  const types = await service.types();
  const names = Object.keys(types);
  const wish = new URLSearchParams(location.search).get('method');
  const method = METHODS.find((each) => each === wish);

  const spoken = h('p', { class: 'for-ears', role: 'status' });
  const outcomes = showOutcomes((text) => setText(spoken, text));
  const refusals = h('ul', { class: 'refusals' });
  const rules = h('p', { class: 'quiet', id: 'type-rules' });
  const select = h(
    'select',
    { id: 'type', 'aria-describedby': 'type-rules', onchange: () => showRules() },
    ...names.map((name) => h('option', { value: name }, name)),
  );
  // What takes most comes first: nobody is refused for not having looked.
  select.value = names.find((name) => types[name]?.mediaTypes.includes('*')) ?? names[0] ?? '';
  const showRules = (): void => {
    const rule = types[select.value];
    if (rule === undefined) return;
    setText(
      rules,
      `Takes ${describeKinds(rule.mediaTypes)}, up to ${formatBytes(rule.maxSizeBytes)} each` +
        `${method === undefined ? '' : `; sent by ${method}`}.`,
    );
  };
  showRules();

  const dashboard = h('div', { class: 'dashboard' });
  section.append(
    h('h1', { id: 'upload-title' }, 'Upload'),
    h(
      'p',
      { class: 'lead' },
      'Files go straight to the store, in parts that are checked one by one. What was interrupted goes on where it was.',
    ),
    h(
      'div',
      { class: 'columns' },
      h(
        'div',
        { class: 'panel' },
        h('div', { class: 'field' }, h('label', { for: 'type' }, 'Published as'), select, rules),
        h('div', { role: 'alert' }, refusals),
        dashboard,
      ),
      h(
        'section',
        { class: 'panel', 'aria-labelledby': 'outcomes-title' },
        h('h2', { id: 'outcomes-title' }, 'Your uploads'),
        outcomes.element,
      ),
    ),
    spoken,
  );

  /** Says what was not taken, until it is dismissed; of one file only the last. */
  const notes = new Map<string, HTMLElement>();
  const note = (id: string, name: string, what: string): void => {
    notes.get(id)?.remove();
    const item = h('li', {}, h('span', {}, h('strong', {}, name), ` ${what} `));
    item.append(
      h(
        'button',
        {
          type: 'button',
          class: 'small',
          'aria-label': `Dismiss the note on ${name}`,
          onclick: () => item.remove(),
        },
        'Dismiss',
      ),
    );
    notes.set(id, item);
    refusals.append(item);
  };
  const uploader = createUploader({
    store: session.store,
    owner: session.owner,
    types,
    typeNow: () => select.value,
    method,
    onRefused: (name, why) => note(`chosen ${name}`, name, `was not added. ${why}`),
  });
  const { uppy } = uploader;
  uppy.use(Dashboard, {
    target: dashboard,
    inline: true,
    width: '100%',
    height: 420,
    theme: 'auto',
    proudlyDisplayPoweredByUppy: false,
    fileManagerSelectionType: 'both',
    showRemoveButtonAfterComplete: true,
    doneButtonHandler: () => uppy.clear(),
  });
  // Uppy forgets that a list of one file is a list too.
  new MutationObserver(() => {
    for (const list of dashboard.querySelectorAll('.uppy-Dashboard-files:not([role])'))
      list.setAttribute('role', 'list');
  }).observe(dashboard, { childList: true, subtree: true });
  uppy.on('upload-success', (file) => {
    if (file !== undefined) notes.get(file.id)?.remove();
    const uploadId = file === undefined ? undefined : uploader.uploadIdOf(file);
    if (uploadId !== undefined) outcomes.follow(uploadId);
  });
  uppy.on('upload-error', (file, error) => {
    if (file !== undefined) note(file.id, file.name, `was not uploaded. ${error.message}`);
  });
  return {
    clear: async () => await uploader.clear(),
    refresh: async () => await outcomes.refresh(),
  };
}

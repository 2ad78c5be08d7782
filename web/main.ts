import './style/page.css';
import './style/uppy.css';
import type { PageConfig } from '../shared/page-config.ts';
import { setText } from './dom.ts';
import { showExchange } from './exchange/view.ts';
import { openLocalSession } from './local-session.ts';
import { Problem, send } from './session.ts';
import { signIn } from './sign-in/view.ts';
import { showUpload } from './upload/view.ts';

const VIEWS = ['upload', 'exchange'] as const;

/** Shows the view that the address names; the other keeps running. */
function route(): void {
  const there = VIEWS.filter((view) => document.querySelector(`section#${view}`) !== null);
  const wanted = there.find((view) => location.hash === `#${view}`) ?? 'upload';
  for (const view of VIEWS) {
    const section = document.querySelector<HTMLElement>(`section#${view}`);
    if (section !== null) section.hidden = view !== wanted;
    const link = document.querySelector(`nav a[href="#${view}"]`);
    if (view === wanted) link?.setAttribute('aria-current', 'page');
    else link?.removeAttribute('aria-current');
  }
  document.title = wanted === 'upload' ? 'Upload · Waybill' : 'Exchange · Waybill';
  scrollTo(0, 0);
}

function element(selector: string): HTMLElement {
  const found = document.querySelector<HTMLElement>(selector);
  if (found === null) throw new TypeError(`${selector}: got none, expected one`);
  return found;
}

async function start(): Promise<void> {
  addEventListener('hashchange', () => {
    route();
    element('main').focus({ preventScroll: true });
  });
  route();
  const config = (await send('GET', 'config.json')) as PageConfig;
  const upload = element('section#upload');
  if (config.server === 'local') {
    const session = await openLocalSession();
    showExchange(element('section#exchange'));
    const { refresh } = await showUpload(upload, session);
    await refresh();
    return;
  }
  // Nobody watches a deployed exchange: what operators need stands in its dashboard.
  element('section#exchange').remove();
  element('nav a[href="#exchange"]').remove();
  route();
  const signedIn = await signIn(config, upload, element('#trouble'));
  if (signedIn === undefined) return;
  const { clear, refresh } = await showUpload(upload, signedIn.session);
  signedIn.showIn(element('header'), clear);
  await refresh();
}

start().catch((error: unknown) => {
  const said = error instanceof Problem ? error.message : 'The page could not start; reload it.';
  setText(element('#trouble'), said);
});

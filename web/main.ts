import './style/page.css';
import './style/uppy.css';
import { setText } from './dom.ts';
import { showExchange } from './exchange/view.ts';
import { openSession, Problem } from './session.ts';
import { showUpload } from './upload/view.ts';

const VIEWS = ['upload', 'exchange'] as const;

/** Shows the view that the address names; the other keeps running. */
function route(): void {
  const wanted = VIEWS.find((view) => location.hash === `#${view}`) ?? 'upload';
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

async function start(): Promise<void> {
  addEventListener('hashchange', () => {
    route();
    document.querySelector<HTMLElement>('main')?.focus({ preventScroll: true });
  });
  route();
  const session = await openSession();
  const exchange = document.querySelector<HTMLElement>('section#exchange');
  if (exchange !== null) showExchange(exchange);
  const upload = document.querySelector<HTMLElement>('section#upload');
  if (upload !== null) await showUpload(upload, session);
}

start().catch((error: unknown) => {
  const trouble = document.querySelector('#trouble');
  const said = error instanceof Problem ? error.message : 'The page could not start; reload it.';
  if (trouble !== null) setText(trouble, said);
});

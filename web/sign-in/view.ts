import type { DeployedPageConfig } from '../../shared/page-config.ts';
import { h, setText } from '../dom.ts';
import { callAs, Problem, type Session } from '../session.ts';
import { createOpenId, type OpenId, type Tokens } from './openid.ts';

/** Somebody who has signed in. */
export interface SignedIn {
  readonly session: Session;
  /** Shows who it is, and a way out. @param clear drops what waits here, before it is left */
  showIn(header: HTMLElement, clear: () => Promise<void>): void;
}

/**
 * Signs in whoever comes back from the issuer; shows the others where to.
 * @param section what the way in is shown in
 * @param trouble where it is said that a sign-in has ended
 * @returns undefined if nobody is signed in
 */
export async function signIn(
  config: DeployedPageConfig,
  section: HTMLElement,
  trouble: HTMLElement,
): Promise<SignedIn | undefined> {
  const openid = createOpenId(config.signIn);
  let tokens: Tokens | undefined;
  try {
    tokens = await openid.finish();
  } catch (error) {
    showWayIn(section, openid, error);
    return undefined;
  }
  if (tokens === undefined) {
    showWayIn(section, openid);
    return undefined;
  }
  const keeper = keepTokens(openid, tokens, () => showEnded(trouble, openid));
  callAs(keeper.bearer);
  return {
    session: { store: config.store, owner: tokens.subject },
    showIn(header, clear) {
      const leave = async (): Promise<void> => {
        await clear();
        await openid.forget(keeper.tokens()).catch(() => undefined);
        location.reload(); // with the page goes its memory
      };
      header.append(
        h(
          'div',
          { class: 'account' },
          h('span', { class: 'quiet' }, tokens.name),
          h('button', { type: 'button', class: 'small', onclick: () => void leave() }, 'Sign out'),
        ),
      );
    },
  };
}

/** Tokens and their renewal. Who calls while nothing can be renewed waits: the sign-in loads the page anew. */
function keepTokens(openid: OpenId, first: Tokens, onEnd: () => void) {
  let tokens = first;
  let renewing: Promise<void> | undefined;
  const refresh = async (): Promise<void> => {
    try {
      tokens = await openid.refresh(tokens);
    } catch (error) {
      if (error instanceof Problem && error.isPassing) throw error;
      tokens = { ...tokens, refresh: undefined };
    }
  };
  return {
    tokens: () => tokens,
    bearer: {
      token: () => tokens.bearer,
      async renew(refused: string, signal?: AbortSignal): Promise<void> {
        if (tokens.bearer === refused && tokens.refresh !== undefined)
          await (renewing ??= refresh().finally(() => (renewing = undefined)));
        if (tokens.bearer !== refused) return;
        onEnd();
        await aborted(signal);
      },
    },
  };
}

function showWayIn(section: HTMLElement, openid: OpenId, error?: unknown): void {
  const why = h('p', { class: 'reason', role: 'alert' });
  section.append(
    h('h1', { id: 'upload-title' }, 'Upload'),
    h('p', { class: 'lead' }, 'Sign in to send files, and to see what became of yours.'),
    why,
    signInButton('Sign in', openid, why),
  );
  if (error !== undefined) setText(why, inWords(error));
}

function showEnded(trouble: HTMLElement, openid: OpenId): void {
  if (trouble.childElementCount > 0) return;
  const why = h(
    'p',
    {},
    'The upload service does not take your sign-in any more. Sign in again: what waits here, or is under way, goes on then.',
  );
  trouble.replaceChildren(why, signInButton('Sign in again', openid, why));
}

function signInButton(label: string, openid: OpenId, why: HTMLElement): HTMLElement {
  const begin = (): void => {
    openid.begin().catch((error: unknown) => setText(why, inWords(error)));
  };
  return h('button', { type: 'button', class: 'main', onclick: begin }, label);
}

function inWords(error: unknown): string {
  return error instanceof Problem ? error.message : 'That did not work; try again.';
}

/** Waits until the signal aborts, for ever without one. @throws its reason */
async function aborted(signal?: AbortSignal): Promise<never> {
  signal?.throwIfAborted();
  return await new Promise((_resolve, reject) => {
    signal?.addEventListener('abort', () => reject(signal.reason as Error), { once: true });
  });
}

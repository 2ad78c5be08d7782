import { callAs, send, type Session } from './session.ts';

/** Opens the session of `waybill up`: the token stays in this page's memory, the cookie is for the live stream only. */
export async function openLocalSession(): Promise<Session> {
  let opened = await ask();
  callAs({
    token: () => opened.token,
    renew: async () => void (opened = await ask()),
  });
  return { store: new URL(opened.store).origin };
}

async function ask(): Promise<{ readonly token: string; readonly store: string }> {
  return (await send('POST', 'session')) as { token: string; store: string };
}

import { AxeBuilder } from '@axe-core/playwright';
import { randomBytes, randomUUID } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Browser, BrowserContext, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { choose, hasChromium, launchChromium, UPLOAD } from './chromium.ts';
import { ISSUER, PAGE, startDeployedPage, type DeployedPage } from './deployed-page.ts';

const MIB = 1024 ** 2;
/** Seven parts: more than go out at once, so that the last is signed only when another has gone. */
const FILM_BYTES = 52 * MIB;
const WIDTHS = [1120, 360];

describe.skipIf(!hasChromium)('the page of a deployed exchange, in Chromium', () => {
  let test: DeployedPage;
  let browser: Browser;
  let dir: string;
  /** Everything that any page asked for, and everything that it complained of. */
  const asked = new Set<string>();
  const complaints: string[] = [];

  beforeAll(async () => {
    dir = await mkdtemp(join(tmpdir(), 'waybill-page-'));
    test = await startDeployedPage();
    browser = await launchChromium({ hostRules: test.hostRules });
  }, 60_000);
  afterAll(async () => {
    await browser?.close();
    await test?.[Symbol.asyncDispose]();
    await rm(dir, { recursive: true, force: true });
  });

  const open = async (query = ''): Promise<{ context: BrowserContext; page: Page }> => {
    const context = await browser.newContext({ ignoreHTTPSErrors: true, reducedMotion: 'reduce' });
    context.setDefaultTimeout(20_000);
    context.on('request', (request) => asked.add(new URL(request.url()).origin));
    context.on('console', (message) => {
      // Chromium says each refused token; what the page does then is what is tested.
      if (message.type() === 'error' && !message.text().includes('status of 401'))
        complaints.push(message.text());
    });
    const page = await context.newPage();
    page.on('pageerror', (error) => complaints.push(error.message));
    await page.goto(`${PAGE}/${query}`);
    return { context, page };
  };
  const way = (page: Page, name = 'Sign in') => page.getByRole('button', { name, exact: true });
  const signIn = async (page: Page, name = 'ann@example.com'): Promise<void> => {
    await way(page).click();
    await page.getByText(name).waitFor();
  };
  /** Begins to upload a file. @returns what is in it */
  const film = async (page: Page): Promise<Buffer> => {
    const bytes = randomBytes(FILM_BYTES);
    const path = join(dir, `${randomUUID()}.bin`);
    await writeFile(path, bytes);
    await choose(page, path);
    await page.locator(UPLOAD).click();
    return bytes;
  };
  /** Lets the token expire when the first part goes out. @returns how many have gone so far */
  const expireOnTheWay = (page: Page): (() => number) => {
    let parts = 0;
    page.on('request', (request) => {
      if (request.method() !== 'PUT') return;
      parts += 1;
      if (parts === 1) test.expire();
    });
    return () => parts;
  };
  const becomes = async (page: Page, bytes: Buffer, count: number): Promise<void> => {
    await expect
      .poll(async () => await page.locator('.chip[data-state=published]').count(), { timeout: 60_000 })
      .toBe(count);
    const events = await test.published();
    expect(events.map(({ type }) => type)).toEqual(Array.from({ length: count }, () => 'film.uploaded'));
    expect(events.at(-1)!.bytes.equals(bytes)).toBe(true);
  };
  const opened = (): number => test.edge.asked.filter((each) => each === 'POST /uploads 201').length;
  const check = async (page: Page): Promise<void> => {
    for (const width of WIDTHS) {
      await page.setViewportSize({ width, height: 800 });
      const { violations } = await new AxeBuilder({ page }).analyze();
      expect(violations.flatMap(({ id, nodes }) => nodes.map(({ html }) => `${id}: ${html}`))).toEqual([]);
      expect(await page.evaluate('document.documentElement.scrollWidth')).toBeLessThanOrEqual(width);
    }
  };

  it('signs in, uploads, and every byte is published once; signed out, nothing is left', async () => {
    const { context, page } = await open('#exchange');
    await page.getByRole('heading', { name: 'Upload', exact: true }).waitFor();
    expect(await page.getByRole('link', { name: 'Exchange' }).count()).toBe(0);
    await check(page);
    await signIn(page);
    expect(page.url()).toBe(`${PAGE}/`);
    const kept = 'JSON.stringify([{ ...sessionStorage }, { ...localStorage }, document.cookie])';
    expect(await page.evaluate(kept)).not.toMatch(/verifier|nonce|eyJ/);
    await becomes(page, await film(page), 1);
    await check(page);

    await page.getByRole('button', { name: 'Done' }).click();
    await choose(page, { name: 'draft.txt', mimeType: 'text/plain', buffer: Buffer.from('a draft') });
    await page.getByText('draft.txt').first().waitFor();
    await page.getByRole('button', { name: 'Sign out' }).click();
    await way(page).waitFor();
    expect(test.provider.log).toEqual(['authorization_code', 'revoked']);
    await signIn(page);
    await page.locator('.chip[data-state=published]').waitFor();
    expect(await page.getByText('draft.txt').count()).toBe(0);
    await context.close();
  });

  it('what waits is found again by whom it belongs to, and by nobody else', async () => {
    const { context, page } = await open();
    await signIn(page);
    await choose(page, { name: 'draft.txt', mimeType: 'text/plain', buffer: Buffer.from('a draft') });
    await page.getByText('draft.txt').first().waitFor();
    test.provider.person = 'bob';
    await page.reload();
    await signIn(page, 'bob@example.com');
    await page.getByText('Nothing yet.').waitFor();
    expect(await page.getByText('draft.txt').count()).toBe(0);
    test.provider.person = 'ann';
    await page.reload();
    await signIn(page);
    await page.getByText('draft.txt').first().waitFor();
    await context.close();
  });

  it('a token that expires on the way is renewed, and nobody notices', async () => {
    const { context, page } = await open();
    await signIn(page);
    await page.getByLabel('Published as').waitFor();
    const before = test.provider.log.length;
    expireOnTheWay(page);
    await becomes(page, await film(page), 2);
    expect(test.provider.log.slice(before)).toEqual(['refresh_token']);
    await context.close();
  });

  it('without a way to renew it the page asks to sign in again, and the upload goes on where it was', async () => {
    test.provider.givesRefreshTokens = false;
    const { context, page } = await open();
    await signIn(page);
    await page.getByLabel('Published as').waitFor();
    const before = opened();
    const parts = expireOnTheWay(page);
    const bytes = await film(page);
    await page.getByRole('alert').getByText('does not take your sign-in any more').waitFor();
    await check(page);
    await way(page, 'Sign in again').click();
    await page.getByText('Session restored').waitFor();
    await page.locator(UPLOAD).click();
    await becomes(page, bytes, 3);
    expect(opened() - before).toBe(1);
    expect(parts()).toBeLessThan(2 * Math.ceil(FILM_BYTES / (8 * MIB)));
    await context.close();
  });

  it.each([
    ['with another state', 'This sign-in was not begun here, or it was begun twice.'],
    ['denied', `${new URL(ISSUER).host} did not sign you in: Ann is not on the list.`],
  ] as const)('an answer of the issuer that is %s', async (answer, words) => {
    test.provider.answer = answer;
    const { context, page } = await open();
    const before = test.provider.log.length;
    await way(page).click();
    await page.getByRole('alert').getByText(words).waitFor();
    expect(page.url()).toBe(`${PAGE}/`);
    expect(await page.evaluate('sessionStorage.length')).toBe(0);
    expect(test.provider.log.length).toBe(before);
    test.provider.answer = 'granted';
    await signIn(page);
    await context.close();
  });

  it('a code that nobody here asked for is not taken', async () => {
    const before = test.provider.log.length;
    const { context, page } = await open('?code=stolen&state=of-somebody-else');
    await page.getByRole('alert').getByText('This sign-in was not begun here').waitFor();
    expect(test.provider.log.length).toBe(before);
    await context.close();
  });

  it('asked nobody but the page, the issuer and the store, and complained of nothing', () => {
    expect([...asked].sort()).toEqual([test.local.endpoint, ISSUER, PAGE].sort());
    expect(complaints).toEqual([]);
  });
});

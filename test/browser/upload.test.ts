import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Browser } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { sha256Of, writeRandomFile } from '../helpers/files.ts';
import { choose, hasChromium, launchChromium, UPLOAD } from './chromium.ts';
import { startCuttingProxy } from './cutting-proxy.ts';
import { startTestExchange } from './start-exchange.ts';

const MB = 1_000_000;

/** Blobs that the page keeps for a reload. As text: no type of the browser is known here. */
const KEPT_BLOBS = `new Promise((resolve, reject) => {
  const opening = indexedDB.open('uppy-blobs');
  opening.onerror = () => reject(new Error('no database'));
  opening.onsuccess = () => {
    const counting = opening.result.transaction('files').objectStore('files').count();
    counting.onsuccess = () => { opening.result.close(); resolve(counting.result); };
  };
})`;

describe.skipIf(!hasChromium)('the upload view in Chromium', () => {
  let browser: Browser;
  beforeAll(async () => {
    browser = await launchChromium();
  });
  afterAll(async () => await browser?.close());

  it('200 MB in parts, the network cut twice and the page reloaded once: every byte arrives, published once', async () => {
    await using test = await startTestExchange();
    await using proxy = await startCuttingProxy();
    const context = await browser.newContext({ proxy: { server: proxy.url, bypass: '<-loopback>' } });
    const page = await context.newPage();
    const file = join(test.dir, 'film.bin');
    await writeRandomFile(file, 200 * MB);
    const [cut1, hold, cut2] = [proxy.cutAt(40 * MB), proxy.holdAt(100 * MB), proxy.cutAt(190 * MB)];

    await page.goto(test.url);
    await choose(page, file);
    await page.locator(UPLOAD).click();
    await cut1;
    await hold;
    await expect.poll(async () => await page.evaluate(KEPT_BLOBS), { timeout: 60_000 }).toBe(1);
    await page.reload();
    proxy.go();
    const sentBefore = proxy.sentBytes();
    await page.getByText('Session restored').waitFor();
    await page.locator(UPLOAD).click();
    await cut2;
    await page.locator('.chip[data-state=published]').waitFor({ timeout: 120_000 });

    // What S3 had was not sent again: the rest of the file, and at most what the second cut broke.
    expect(proxy.sentBytes() - sentBefore).toBeLessThan(190 * MB);
    expect(test.published()).toEqual(['document.uploaded']);
    const [saved] = await test.receive();
    expect(await sha256Of(saved?.path ?? '')).toBe(await sha256Of(file));
    expect(test.published()).toHaveLength(1);
    await context.close();
  });

  it('paused by its button, nothing more goes out; resumed, every byte arrives', async () => {
    await using test = await startTestExchange();
    await using proxy = await startCuttingProxy();
    const context = await browser.newContext({ proxy: { server: proxy.url, bypass: '<-loopback>' } });
    const page = await context.newPage();
    const under = new Set<unknown>();
    page.on('request', (request) => request.method() === 'PUT' && under.add(request));
    for (const end of ['requestfinished', 'requestfailed'] as const)
      page.on(end as 'requestfinished', (request) => under.delete(request));
    const file = join(test.dir, 'film.bin');
    await writeRandomFile(file, 100 * MB);
    const hold = proxy.holdAt(60 * MB);
    await page.goto(test.url);
    await choose(page, file);
    await page.locator(UPLOAD).click();
    await hold;
    await page.getByRole('button', { name: 'Pause', exact: true }).click();
    await page.getByText(/^Paused: /).waitFor();
    await expect.poll(() => under.size).toBe(0);
    proxy.go();
    const sentBefore = proxy.sentBytes();
    expect(test.published()).toEqual([]);
    await page.getByRole('button', { name: 'Resume', exact: true }).click();
    await page.locator('.chip[data-state=published]').waitFor({ timeout: 60_000 });
    // Six parts, 50 MB, were under way at most: S3 had one at least, which was not sent again.
    expect(proxy.sentBytes() - sentBefore).toBeLessThan(95 * MB);
    const [saved] = await test.receive();
    expect(await sha256Of(saved?.path ?? '')).toBe(await sha256Of(file));
    await context.close();
  });

  it('a folder: each file under its path, and its own event', async () => {
    await using test = await startTestExchange();
    const page = await browser.newPage();
    const folder = join(test.dir, 'claims');
    await mkdir(join(folder, 'march'), { recursive: true });
    await writeFile(join(folder, 'a.txt'), 'first');
    await writeFile(join(folder, 'march', 'b.txt'), 'second');
    await page.goto(test.url);
    await page.locator('.uppy-Dashboard-input[webkitdirectory]').setInputFiles(folder);
    await page.locator(UPLOAD).click();
    const cards = page.locator('.card', { has: page.locator('.chip[data-state=published]') });
    await expect.poll(async () => await cards.count()).toBe(2);
    const names = await cards.locator('.name').allTextContents();
    expect(names.sort()).toEqual(['claims/a.txt', 'claims/march/b.txt']);
    expect(test.published()).toHaveLength(2);
    await page.close();
  });

  it.each(['put', 'post', 'multipart'])('by %s: arrives as it was', async (method) => {
    await using test = await startTestExchange();
    const page = await browser.newPage();
    const file = join(test.dir, 'part.bin');
    await writeRandomFile(file, 3 * MB);
    await page.goto(`${test.url}/?method=${method}`);
    await choose(page, file);
    await page.locator(UPLOAD).click();
    await page.locator('.chip[data-state=published]').waitFor();
    expect(await page.locator('.card').textContent()).toContain(`· ${method} ·`);
    const [saved] = await test.receive();
    expect(await sha256Of(saved?.path ?? '')).toBe(await sha256Of(file));
    await page.close();
  });
});

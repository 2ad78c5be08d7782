import { AxeBuilder } from '@axe-core/playwright';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Browser, BrowserContext, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { z } from 'zod';
import { LOCAL_NAMES } from '../../cli/stack.ts';
import { createWorker, Reject, urlServiceClient } from '../../consumers/index.ts';
import { createPublisher } from '../../producers/index.ts';
import { createClaimCheckSigner } from '../../shared/claim-check.ts';
import { writeRandomFile } from '../helpers/files.ts';
import { choose, hasChromium, launchChromium, UPLOAD } from './chromium.ts';
import { startTestExchange, type TestExchange } from './start-exchange.ts';

const MB = 1_000_000;
const FILM_BYTES = 6 * MB;
const BYTES_PER_SECOND = 3 * MB;
const WIDE = { width: 1120, height: 900 };
const NARROW = { width: 360, height: 740 };

/** Screenshots are taken in every run; `WAYBILL_SCREENSHOTS=docs` puts them where the documentation shows them. */
const INTO_DOCS = process.env['WAYBILL_SCREENSHOTS'] === 'docs';
const DOCS = new URL('../../docs/images/', import.meta.url);

/** Publishes three events: one is fetched slowly, one is rejected, one waits. */
async function fillExchange(test: TestExchange, film: string, scan: string): Promise<void> {
  const { exchange } = test;
  const { local } = exchange;
  await using publisher = createPublisher({
    producer: exchange.signingKey.issuer,
    stores: exchange.stores,
    bus: LOCAL_NAMES.bus,
    signer: createClaimCheckSigner(exchange.signingKey),
    urlTtlSeconds: false,
    ...local.clientOptions(),
  });
  await publisher.publish({ type: 'film.cut', attachments: [{ path: film, name: 'film.mov' }] });
  await publisher.publish({ type: 'claim.filed', attachments: [{ path: scan, name: 'scan.pdf' }] });
  local.faults.add({
    match: { service: 's3', operation: 'GetObject' },
    times: Infinity,
    faults: { kind: 'throttle', bytesPerSecond: BYTES_PER_SECOND },
  });
  let handled = 0;
  await using worker = createWorker({
    queueUrl: local.queueUrl(LOCAL_NAMES.queue),
    stores: exchange.stores,
    sqs: local.clientOptions(),
    urlSource: urlServiceClient({
      endpoint: exchange.urlService.url,
      region: local.region,
      credentials: local.credentials,
    }),
    events: { '*': z.looseObject({}) },
    onEvent: ({ kind }) => {
      if (kind !== 'succeeded' && kind !== 'rejected') return;
      handled += 1;
      if (handled === 2) void worker.stop();
    },
    handler: async (event, { saveAll }) => {
      if (event.type === 'claim.filed') throw new Reject('Policy 4711 ended in March: nothing to claim.');
      await saveAll(join(test.dir, 'received'));
    },
  });
  await worker.done;
  await publisher.publish({ type: 'report.made', attachments: [{ path: scan, name: 'reports/march.pdf' }] });
}

const card = (page: Page, type: string) => page.locator('#exchange .card', { hasText: type });
const chip = (page: Page, type: string) => card(page, type).locator('.chip').first();

describe.skipIf(!hasChromium)('both views in Chromium', () => {
  let browser: Browser;
  let test: TestExchange;
  let film: string;
  let scan: string;
  /** Everything that any page asked for, and everything that it complained of. */
  const asked = new Set<string>();
  const complaints: string[] = [];

  const open = async (
    hash: string,
    options: Parameters<Browser['newContext']>[0] = {},
  ): Promise<{ context: BrowserContext; page: Page }> => {
    const context = await browser.newContext({ reducedMotion: 'reduce', ...options });
    context.setDefaultTimeout(20_000);
    context.on('request', (request) => asked.add(new URL(request.url()).origin));
    context.on('console', (message) => {
      if (message.type() === 'error') complaints.push(message.text());
    });
    const page = await context.newPage();
    page.on('pageerror', (error) => complaints.push(error.message));
    await page.goto(`${test.url}/${hash}`);
    return { context, page };
  };

  beforeAll(async () => {
    [browser, test] = await Promise.all([launchChromium(), startTestExchange()]);
    [film, scan] = [join(test.dir, 'film.mov'), join(test.dir, 'scan.pdf')];
    await writeRandomFile(film, FILM_BYTES);
    await writeFile(scan, '%PDF-1.7\n% a scan\n');
  }, 60_000);
  afterAll(async () => {
    await browser?.close();
    await test?.[Symbol.asyncDispose]();
  });

  it('the exchange as it happens: bytes under way, the refetch, the reason of a dead letter, what waits', async () => {
    const { context, page } = await open('#exchange');
    await page.getByText('Live', { exact: true }).waitFor();
    await page.getByText('No event yet').waitFor();
    const filling = fillExchange(test, film, scan);
    const row = card(page, 'film.cut').locator('.payload');
    await row.getByText('1 under way').waitFor();
    expect(await chip(page, 'film.cut').textContent()).toBe('Transferring');
    const partly = Number(await row.locator('progress').getAttribute('value'));
    expect(partly).toBeLessThan(FILM_BYTES);
    await filling;
    await row.getByText('5.7 MiB of 5.7 MiB fetched · 1 request').waitFor();
    await expect.poll(async () => await chip(page, 'film.cut').textContent()).toBe('Handled');
    expect(await row.locator('progress').getAttribute('value')).toBe(String(FILM_BYTES));
    expect(await row.locator('.life').textContent()).toMatch(/^URL lives 1[45] min more · 1 refetch$/);

    const letters = page.getByRole('region', { name: 'Dead letters' });
    await letters.getByText('Policy 4711 ended in March').waitFor();
    expect(await letters.locator('.card').count()).toBe(1);
    await expect.poll(async () => await chip(page, 'claim.filed').textContent()).toBe('Dead letter');
    await expect.poll(async () => await chip(page, 'report.made').textContent()).toBe('In the queue');
    const depth = page.locator('figure', { hasText: 'Queue depth' }).locator('figcaption');
    await expect.poll(async () => await depth.textContent()).toBe('waiting 1in work 0dead letters 1');
    await context.close();
  });

  it('whoever opens it later sees the same; a payload is downloaded under its name', async () => {
    const { context, page } = await open('#exchange');
    await expect.poll(async () => await chip(page, 'film.cut').textContent()).toBe('Handled');
    const [download] = await Promise.all([
      page.waitForEvent('download'),
      page.getByRole('button', { name: 'Download reports/march.pdf' }).click(),
    ]);
    expect(download.suggestedFilename()).toBe('march.pdf');
    expect(await readFile(await download.path())).toEqual(await readFile(scan));
    await context.close();
  });

  it('by keyboard alone: to the other view, to the content, to the choice of files', async () => {
    const { context, page } = await open('');
    await page.getByLabel('Published as').waitFor();
    await page.keyboard.press('Tab');
    expect(await page.locator(':focus').textContent()).toBe('Skip to content');
    await page.keyboard.press('Tab');
    await page.keyboard.press('Tab');
    await page.keyboard.press('Enter');
    await page.getByRole('heading', { name: 'Exchange', exact: true }).waitFor();
    expect(await page.getByRole('link', { name: 'Exchange' }).getAttribute('aria-current')).toBe('page');
    await page.keyboard.press('Shift+Tab');
    await page.keyboard.press('Shift+Tab');
    await page.keyboard.press('Enter');
    await page.getByLabel('Published as').waitFor();
    const choosing = page.waitForEvent('filechooser'); // early: Playwright takes a moment to listen
    const focused = page.locator(':focus');
    for (let tabs = 0; tabs < 8 && (await focused.textContent()) !== 'browse files'; tabs += 1)
      await page.keyboard.press('Tab');
    await page.keyboard.press('Enter');
    const chooser = await choosing;
    expect(chooser.isMultiple()).toBe(true);
    await context.close();
  });

  it.each(['light', 'dark'] as const)(
    'axe finds nothing and nothing sticks out, wide and narrow: %s',
    async (colorScheme) => {
      const { context, page } = await open('#upload', { colorScheme, viewport: WIDE });
      const check = async (): Promise<void> => {
        const { violations } = await new AxeBuilder({ page }).analyze();
        const said = violations.flatMap(({ id, nodes }) =>
          nodes.map(({ html, failureSummary }) => `${id}: ${html}: ${failureSummary}`),
        );
        expect(said).toEqual([]);
        const { width } = page.viewportSize() ?? WIDE;
        expect(await page.evaluate('document.documentElement.scrollWidth')).toBeLessThanOrEqual(width);
      };
      const look = async (view: string): Promise<void> => {
        await check();
        const picture = await page.screenshot();
        expect(picture.subarray(1, 4).toString()).toBe('PNG');
        if (INTO_DOCS) await writeFile(new URL(`page-${view}-${colorScheme}.png`, DOCS), picture);
        await page.setViewportSize(NARROW);
        await check();
        await page.setViewportSize(WIDE);
      };
      await choose(page, scan);
      await page.locator(UPLOAD).click();
      await page.locator('#upload .chip[data-state=published]').first().waitFor();
      await page.getByRole('button', { name: 'Done' }).click();
      await choose(page, { name: 'notes.txt', mimeType: 'text/plain', buffer: Buffer.from('notes') });
      await page.getByText('notes.txt').first().waitFor();
      await look('upload');
      await page.getByRole('link', { name: 'Exchange' }).click();
      await card(page, 'film.cut').locator('summary').click();
      await page.locator('.plot canvas').nth(1).waitFor();
      await page.getByText('Policy 4711').waitFor();
      await look('exchange');
      await context.close();
    },
  );

  it('asked nobody but its own server and the store, and complained of nothing', () => {
    expect([...asked].sort()).toEqual([test.url, test.exchange.local.endpoint].sort());
    expect(complaints).toEqual([]);
  });
});

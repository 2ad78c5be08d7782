import { PutBucketCorsCommand, S3Client } from '@aws-sdk/client-s3';
import { once } from 'node:events';
import { createServer, request as send } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Browser, Page, Route } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { LOCAL_NAMES } from '../../cli/stack.ts';
import { offsetClock } from '../../local/index.ts';
import { choose, hasChromium, launchChromium, UPLOAD } from './chromium.ts';
import { startTestExchange, type TestExchange } from './start-exchange.ts';

const HOUR_MS = 3_600_000;
const clock = offsetClock();
const PNG = Buffer.from('89504e470d0a1a0a0000000d49484452', 'hex');
const text = (name: string, mimeType = 'text/plain') => ({
  name,
  mimeType,
  buffer: Buffer.from('some words'),
});

describe.skipIf(!hasChromium)('what is refused, and what Chromium shows of it', () => {
  let browser: Browser;
  let test: TestExchange;
  beforeAll(async () => {
    [browser, test] = await Promise.all([
      launchChromium(),
      startTestExchange({
        clock,
        uploadPolicy: {
          types: {
            'note.uploaded': { mediaTypes: ['text/plain'], maxSizeBytes: 100_000 },
            'image.uploaded': { mediaTypes: ['image/*'], maxSizeBytes: 100_000 },
          },
        },
      }),
    ]);
  }, 60_000);
  afterAll(async () => {
    await browser?.close();
    await test?.[Symbol.asyncDispose]();
  });

  const open = async (method: string, address = test.url): Promise<Page> => {
    const page = await browser.newPage();
    page.setDefaultTimeout(20_000);
    await page.goto(`${address}/?method=${method}`);
    return page;
  };
  /** The note that the user sees; then nothing may be stored or published. */
  const expectRefusal = async (page: Page, words: string): Promise<void> => {
    await page.getByRole('alert').getByText(words).waitFor();
    expect(await test.objects()).toEqual([]);
    expect(test.published()).toEqual([]);
    await page.context().close();
  };
  /** Changes the form that the upload service gives. */
  const tamper = async (page: Page, change: (fields: Record<string, string>) => void): Promise<void> =>
    void (await page.route('**/uploads', async (route: Route) => {
      const response = await route.fetch();
      const opened = (await response.json()) as { post: { fields: Record<string, string> } };
      change(opened.post.fields);
      await route.fulfill({ response, json: opened });
    }));

  it('too large: before a byte is sent', async () => {
    const page = await open('put');
    const asked: string[] = [];
    page.on('request', (request) => asked.push(`${request.method()} ${new URL(request.url()).pathname}`));
    await page.getByLabel('Published as').waitFor();
    await choose(page, { ...text('long.txt'), buffer: Buffer.alloc(100_001) });
    await page.getByRole('alert').getByText('“note.uploaded” takes at most 97.7 KiB').waitFor();
    expect(asked).not.toContain('POST /uploads');
    await expectRefusal(page, 'long.txt was not added. It has 97.7 KiB');
  });

  it('the wrong type: before a byte is sent', async () => {
    const page = await open('put');
    await choose(page, { name: 'a.png', mimeType: 'image/png', buffer: PNG });
    await expectRefusal(page, 'It is image/png; “note.uploaded” takes text/plain.');
  });

  it('other content than its type says: the intake refuses it, and deletes the object', async () => {
    const page = await open('put');
    await page.getByLabel('Published as').selectOption('image.uploaded');
    await choose(page, text('a.png', 'image/png'));
    await page.locator(UPLOAD).click();
    const card = page.locator('#upload .card', { hasText: 'a.png' });
    await card.locator('.chip[data-state=refused]').waitFor();
    await card.getByText('"a.png" was announced as image/png, but its content is').waitFor();
    await expect.poll(async () => await test.objects()).toEqual([]);
    expect(test.published()).toEqual([]);
    await page.context().close();
  });

  it('a form that expired on its way', async () => {
    const page = await open('post');
    await page.route(`${test.exchange.local.endpoint}/**`, async (route) => {
      clock.offsetMs += HOUR_MS;
      await route.continue();
    });
    await choose(page, text('late.txt'));
    await page.locator(UPLOAD).click();
    await expectRefusal(page, 'The permission to send it has expired. Retry to get a fresh one.');
  });

  it('a form with another key', async () => {
    const page = await open('post');
    await tamper(page, (fields) => (fields['key'] = 'uploads/of-somebody-else/file'));
    await choose(page, text('moved.txt'));
    await page.locator(UPLOAD).click();
    await expectRefusal(page, 'it is not what was allowed, or the form was changed.');
  });

  it('a policy that allows more than was signed', async () => {
    const page = await open('post');
    await tamper(page, (fields) => {
      const policy = Buffer.from(fields['policy'] ?? fields['Policy'] ?? '', 'base64').toString();
      const name = 'policy' in fields ? 'policy' : 'Policy';
      fields[name] = Buffer.from(policy.replace('text/plain', 'text/html')).toString('base64');
    });
    await choose(page, text('forged.txt'));
    await page.locator(UPLOAD).click();
    await expectRefusal(page, 'The store refused it: the request was changed after it was signed.');
  });

  it('the page at another origin: says where it lives', async () => {
    const server = createServer((request, response) => {
      const { host } = new URL(test.url);
      const { method, url, headers } = request;
      request.pipe(
        send(`${test.url}${url}`, { method, headers: { ...headers, host } }, (answer) => {
          response.writeHead(answer.statusCode ?? 502, answer.headers);
          answer.pipe(response);
        }),
      );
    });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    const page = await open('put', `http://127.0.0.1:${(server.address() as AddressInfo).port}`);
    await expectRefusal(page, `This page lives at ${test.url}/ and works only when it is opened there`);
    server.close();
    server.closeAllConnections();
  });

  it('a store that does not know the origin: says whom to ask', async () => {
    const s3 = new S3Client(test.exchange.local.clientOptions());
    const CORSRules = [{ AllowedOrigins: ['https://app.example'], AllowedMethods: ['PUT'] }];
    await s3.send(new PutBucketCorsCommand({ Bucket: LOCAL_NAMES.bucket, CORSConfiguration: { CORSRules } }));
    s3.destroy();
    const page = await open('put');
    await choose(page, text('foreign.txt'));
    await page.locator(UPLOAD).click();
    await expectRefusal(page, `does not take uploads from pages of ${test.url}.`);
  });
});

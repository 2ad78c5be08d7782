import { existsSync } from 'node:fs';
import { chromium, type Browser, type LaunchOptions, type Page } from 'playwright-core';

const EXECUTABLE = '/usr/bin/chromium';

/** True where these tests can run. In CI they must: there the launch fails instead. */
export const hasChromium = existsSync(EXECUTABLE) || process.env['CI'] !== undefined;
if (!hasChromium) process.stderr.write(`no ${EXECUTABLE} here: the browser tests are left out\n`);

/** Debian's Chromium, without anything that would leave this machine. */
export async function launchChromium(
  options: LaunchOptions & {
    /** Names that lead to this machine: `MAP upload.example.com:443 127.0.0.1:8443`. */
    readonly hostRules?: string;
  } = {},
): Promise<Browser> {
  const { hostRules, ...others } = options;
  return await chromium.launch({
    executablePath: EXECUTABLE,
    args: [
      '--no-sandbox',
      '--disable-gpu',
      '--disable-quic',
      '--no-first-run',
      '--disable-background-networking',
      '--disable-component-update',
      '--disable-sync',
      ...(hostRules === undefined ? [] : [`--host-resolver-rules=${hostRules}`]),
    ],
    ...others,
  });
}

/** The button that begins an upload. */
export const UPLOAD = '.uppy-StatusBar-actionBtn--upload';

/** Chooses files as a person would. */
export async function choose(page: Page, files: Parameters<Page['setInputFiles']>[1]): Promise<void> {
  await page.locator('.uppy-Dashboard-input').first().setInputFiles(files);
}

import { spawn } from 'node:child_process';

/** How each system opens an address in the user's browser. */
const OPENERS: Partial<Record<NodeJS.Platform, readonly [string, ...string[]]>> = {
  darwin: ['open'],
  win32: ['cmd', '/c', 'start', ''],
};
/** An opener that still runs after this long has opened something, in milliseconds. */
const PATIENCE_MS = 3000;

/** Opens an address in the user's browser. @returns false where there is none: no display, no opener */
export async function openInBrowser(url: string): Promise<boolean> {
  const [program, ...args] = OPENERS[process.platform] ?? ['xdg-open'];
  const hasDisplay = process.env['DISPLAY'] !== undefined || process.env['WAYLAND_DISPLAY'] !== undefined;
  if (program === 'xdg-open' && !hasDisplay) return false;
  const child = spawn(program, [...args, url], { stdio: 'ignore', detached: true });
  child.unref();
  return await new Promise((resolve) => {
    const waited = setTimeout(resolve, PATIENCE_MS, true);
    const end = (opened: boolean): void => {
      clearTimeout(waited);
      resolve(opened);
    };
    child.once('error', () => end(false)).once('exit', (code) => end(code === 0));
  });
}

import { execFileSync } from 'node:child_process';

/** Global set-up of the browser project: the page under test is the built one. */
export default function buildPageOnce(): void {
  execFileSync('npm', ['run', '--silent', 'build:web'], {
    cwd: new URL('../..', import.meta.url),
    stdio: ['ignore', 'ignore', 'inherit'],
  });
}

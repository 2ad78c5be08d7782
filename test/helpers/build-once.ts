import { execFileSync } from 'node:child_process';

/** Global set-up of the e2e project: the commands under test are the built ones, as users run them. */
export default function buildOnce(): void {
  execFileSync('npm', ['run', '--silent', 'build'], {
    cwd: new URL('../..', import.meta.url),
    stdio: ['ignore', 'ignore', 'inherit'],
  });
}

import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

/** Path of a file of this package. Sources lie in `cli/`, the build in `dist/cli/`. */
export function packageFile(name: string): string {
  const [source, built] = ['../', '../../'].map((up) =>
    fileURLToPath(new URL(`${up}${name}`, import.meta.url)),
  );
  return source !== undefined && existsSync(source) ? source : (built ?? name);
}

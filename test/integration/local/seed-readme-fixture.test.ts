import { execFile } from 'node:child_process';
import { mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

import { expect, it } from 'vitest';

const exec = promisify(execFile);
const ROOT = fileURLToPath(new URL('../../../', import.meta.url));
const LOCAL = join(ROOT, 'local', 'index.ts');

it("type-checks and runs the README's vitest fixture", async () => {
  const readme = await readFile(join(ROOT, 'README.md'), 'utf8');
  const [, name = '', source = ''] = /<!-- fixture: (\S+) -->\s*```ts\n([\s\S]*?)```/.exec(readme) ?? [];
  expect(name).toBe('orders.test.ts');
  const dir = await mkdtemp(join(tmpdir(), 'waybill-fixture-'));
  try {
    await symlink(join(ROOT, 'node_modules'), join(dir, 'node_modules'));
    await writeFile(join(dir, 'package.json'), '{"type": "module"}');
    await writeFile(join(dir, name), source);
    const alias = JSON.stringify({ 'waybill/local': LOCAL });
    await writeFile(join(dir, 'vitest.config.js'), `export default { resolve: { alias: ${alias} } };`);
    // As strict as the package itself, whose sources are checked along
    const base = { extends: join(ROOT, 'tsconfig.json'), include: [], files: [name] };
    const compilerOptions = { paths: { 'waybill/local': [LOCAL] } };
    await writeFile(join(dir, 'tsconfig.json'), JSON.stringify({ ...base, compilerOptions }));
    const bin = (program: string): string => join(ROOT, 'node_modules', '.bin', program);
    await exec(bin('tsc'), ['-p', dir], { cwd: dir }).catch((error: { stdout: string }) => {
      throw new Error(error.stdout);
    });
    const env = { ...process.env, NO_COLOR: '1' };
    const { stdout } = await exec(bin('vitest'), ['run', '--root', dir], { cwd: dir, env });
    expect(stdout).toMatch(/Tests\s+1 passed/);
  } finally {
    await rm(dir, { recursive: true, force: true });
  }
});

import { execFileSync } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));

/** What the project's linter says of a tree of planted files. */
function lint(files: Readonly<Record<string, string>>): string {
  const dir = mkdtempSync(join(tmpdir(), 'waybill-lint-'));
  try {
    cpSync(join(ROOT, '.oxlintrc.json'), join(dir, '.oxlintrc.json'));
    for (const [path, text] of Object.entries(files)) {
      mkdirSync(join(dir, dirname(path)), { recursive: true });
      writeFileSync(join(dir, path), text);
    }
    return execFileSync(join(ROOT, 'node_modules', '.bin', 'oxlint'), ['--deny-warnings', '--format=unix'], {
      cwd: dir,
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'ignore'],
    });
  } catch (error) {
    return (error as { stdout: string }).stdout;
  } finally {
    rmSync(dir, { recursive: true, force: true });
  }
}

const importing = (from: string): string => `import { x } from '${from}';\nexport const y = x;\n`;
const TARGETS = ['shared', 'producers', 'consumers', 'local', 'cli', 'infra', 'web', 'test'];
const ALLOWED: Readonly<Record<string, readonly string[]>> = {
  shared: ['shared'],
  producers: ['shared', 'producers'],
  consumers: ['shared', 'consumers'],
  local: ['shared', 'local'],
  cli: ['shared', 'producers', 'consumers', 'local', 'cli'],
  infra: ['shared', 'infra'],
  web: ['shared', 'web'],
  examples: [],
};

describe('who may import whom', () => {
  it.each(Object.keys(ALLOWED))('%s imports what it may, and nothing else', (folder) => {
    const files = Object.fromEntries([
      ...TARGETS.map((target) => [`${target}/there.ts`, 'export const x = 1;\n']),
      ...TARGETS.map((target) => [`${folder}/to-${target}.ts`, importing(`../${target}/there.ts`)]),
    ]);
    const said = lint(files);
    const refused = TARGETS.filter((target) => said.includes(`${folder}/to-${target}.ts`));
    expect(refused).toEqual(TARGETS.filter((target) => !ALLOWED[folder]?.includes(target)));
  });

  it("lets examples use the package's own names", () => {
    expect(lint({ 'examples/own-name.ts': importing('waybill/consumers') })).not.toContain('own-name');
  });

  it("refuses the package's own name, cycles and default exports", () => {
    const said = lint({
      'shared/self.ts': importing('waybill/events'),
      'shared/a.ts': importing('./b.ts').replace('y', 'a'),
      'shared/b.ts': `import { a } from './a.ts';\nexport const x = a;\n`,
      'shared/c.ts': 'export default 1;\n',
    });
    for (const file of ['shared/self.ts', 'shared/a.ts', 'shared/c.ts']) expect(said).toContain(file);
    expect(said).toContain('cycle');
  });
});

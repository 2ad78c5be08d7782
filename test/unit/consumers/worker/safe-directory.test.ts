import { mkdir, mkdtemp, readdir, readFile, realpath, rm, stat, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { makeDirectoryInside, pathInside } from '../../../../consumers/worker/safe-directory.ts';
import { writeFileAtomically } from '../../../../consumers/worker/write-file-atomically.ts';
import { StorageError } from '../../../../shared/errors.ts';

let dir = '';
beforeEach(async () => {
  dir = await realpath(await mkdtemp(join(tmpdir(), 'waybill-safe-')));
});
afterEach(async () => {
  await rm(dir, { recursive: true });
});

describe('makeDirectoryInside', () => {
  it('makes the root and every segment, also a second time', async () => {
    const made = await makeDirectoryInside(join(dir, 'new', 'root'), ['a', 'b']);
    expect(made).toBe(join(dir, 'new', 'root', 'a', 'b'));
    expect(await makeDirectoryInside(join(dir, 'new', 'root'), ['a', 'b'])).toBe(made);
  });

  it('takes a root that is a link', async () => {
    await mkdir(join(dir, 'real'));
    await symlink(join(dir, 'real'), join(dir, 'link'));
    expect(await makeDirectoryInside(join(dir, 'link'), ['a'])).toBe(join(dir, 'real', 'a'));
  });

  it('refuses a link below the root, and leaves its target alone', async () => {
    await mkdir(join(dir, 'root'));
    await mkdir(join(dir, 'outside'));
    await symlink(join(dir, 'outside'), join(dir, 'root', 'a'));
    await expect(makeDirectoryInside(join(dir, 'root'), ['a', 'b'])).rejects.toThrow(StorageError);
    expect(await readdir(join(dir, 'outside'))).toEqual([]);
  });

  it('refuses a file in the way', async () => {
    await writeFile(join(dir, 'a'), '');
    await expect(makeDirectoryInside(dir, ['a'])).rejects.toThrow('a link or a file stands there');
  });
});

describe('pathInside', () => {
  it('refuses what leads out', () => {
    expect(pathInside('/srv/in', 'a/b')).toBe('/srv/in/a/b');
    expect(pathInside('/srv/in', '..a')).toBe('/srv/in/..a');
    for (const way of ['..', '../in2', '/etc/passwd', '.', 'a/../..']) {
      expect(() => pathInside('/srv/in', way)).toThrow(StorageError);
    }
  });
});

describe('writeFileAtomically', () => {
  it('writes with the mode given, replaces, and leaves nothing beside', async () => {
    const path = join(dir, 'event.json');
    await writeFileAtomically(path, 'one', 0o600);
    await writeFileAtomically(path, 'two', 0o600);
    expect(await readFile(path, 'utf8')).toBe('two');
    expect((await stat(path)).mode & 0o777).toBe(0o600);
    expect(await readdir(dir)).toEqual(['event.json']);
  });

  it('does not write through a link', async () => {
    await writeFile(join(dir, 'target'), 'kept');
    await symlink(join(dir, 'target'), join(dir, 'event.json'));
    await writeFileAtomically(join(dir, 'event.json'), 'new', 0o600);
    expect(await readFile(join(dir, 'target'), 'utf8')).toBe('kept');
  });

  it('fails with a StorageError that says what was being written', async () => {
    await expect(writeFileAtomically(join(dir, 'no', 'x'), '', 0o600)).rejects.toThrow(/writing .*no\/x/);
  });
});

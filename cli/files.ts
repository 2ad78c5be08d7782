import type { Stats } from 'node:fs';
import { readdir, stat } from 'node:fs/promises';
import { basename, join, relative, resolve, sep } from 'node:path';
import { UsageError } from './errors.ts';

/** A file to publish, and the name the event gives it. */
export interface NamedFile {
  readonly path: string;
  readonly name: string;
  readonly sizeBytes: number;
}

/**
 * The files behind paths: a file by its own name, a directory's files by their paths relative to it, sorted.
 * Symbolic links inside a directory are passed over: they may lead out of it.
 * @throws {UsageError} naming the path that is missing or holds nothing
 */
export async function collectFiles(paths: readonly string[]): Promise<NamedFile[]> {
  const files: NamedFile[] = [];
  for (const path of paths) {
    const found = await statOf(path);
    if (found.isDirectory()) files.push(...(await filesUnder(resolve(path))));
    else if (found.isFile()) files.push({ path, name: basename(path), sizeBytes: found.size });
    else throw new UsageError(`${JSON.stringify(path)}: not a file or directory`);
  }
  return files;
}

async function filesUnder(dir: string): Promise<NamedFile[]> {
  const entries = await readdir(dir, { recursive: true, withFileTypes: true });
  const paths = entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name));
  if (paths.length === 0) throw new UsageError(`${JSON.stringify(dir)}: the directory holds no file`);
  const files: NamedFile[] = [];
  for (const path of paths.sort()) {
    files.push({ path, name: relative(dir, path).split(sep).join('/'), sizeBytes: (await stat(path)).size });
  }
  return files;
}

async function statOf(path: string): Promise<Stats> {
  try {
    return await stat(path);
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code;
    throw new UsageError(
      `${JSON.stringify(path)}: ${code === 'ENOENT' ? 'no such file or directory' : String(code)}`,
    );
  }
}

import { open, rename, rm } from 'node:fs/promises';
import { storage } from './safe-directory.ts';

/**
 * Writes a small file so that it is there whole or not at all, and survives a power cut: aside, fsync, rename.
 * @param mode permission bits, 0o600 for what holds claim checks
 * @throws {StorageError}
 */
export async function writeFileAtomically(path: string, content: string, mode: number): Promise<void> {
  const aside = `${path}.${process.pid}.tmp`;
  await storage(`writing ${path}`, async () => {
    await rm(aside, { force: true }); // of a process with our id that was killed; 'wx' then never follows a link
    try {
      const file = await open(aside, 'wx', mode);
      try {
        await file.writeFile(content);
        await file.sync();
      } finally {
        await file.close();
      }
      await rename(aside, path);
    } catch (error) {
      await rm(aside, { force: true });
      throw error;
    }
  });
}

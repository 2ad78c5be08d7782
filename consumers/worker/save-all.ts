import { rmdir } from 'node:fs/promises';
import {
  serialiseForKeeping,
  serialiseManifest,
  type Manifest,
  type WaybillEvent,
} from '../../shared/events/index.ts';
import { assignPaths } from '../names.ts';
import { makeDirectoryInside, pathInside } from './safe-directory.ts';
import type { ReceivedAttachment, SavedFile } from './types.ts';
import { writeFileAtomically } from './write-file-atomically.ts';

/** Files under way at once; each may open several connections. */
const FILES_AT_ONCE = 4;
/** They hold claim checks. */
const PRIVATE = 0o600;

/** An event ready to be saved. */
export interface Saveable {
  readonly event: WaybillEvent;
  readonly manifest: Manifest | undefined;
  readonly attachments: readonly ReceivedAttachment[];
}

/**
 * Writes an event and its files: `DIR/<event id>/files/<name>`, unfinished ones in `partials/` beside, then
 * `event.json` and `manifest.json`. The names are made safe and unique; nothing is written outside `DIR/<event id>`.
 *
 * @throws {StorageError} and whatever a download throws; the other downloads then end with the message
 */
export async function saveAll(directory: string, saveable: Saveable): Promise<SavedFile[]> {
  const { event, manifest, attachments } = saveable;
  const paths = assignPaths(attachments.map(({ name }) => name));
  const home = await makeDirectoryInside(directory, [event.id]);
  const files = await makeDirectoryInside(home, ['files']);
  const partials = await makeDirectoryInside(home, ['partials']);
  const saved: SavedFile[] = [];
  await inParallel(attachments.length, FILES_AT_ONCE, async (index) => {
    const [attachment, relativePath] = [attachments[index], paths[index]];
    if (attachment === undefined || relativePath === undefined) return;
    await makeDirectoryInside(files, relativePath.split('/').slice(0, -1));
    const path = pathInside(files, relativePath);
    // The index keeps ids apart that differ in case only; the id keeps a partial with its attachment.
    const partialPath = pathInside(partials, `${index}-${attachment.id}.part`);
    const result = await attachment.saveTo(path, { partialPath });
    saved[index] = { path, relativePath, attachment, result };
  });
  await rmdir(partials).catch(() => undefined); // not empty: what is left is another's
  if (manifest !== undefined) {
    await writeFileAtomically(pathInside(home, 'manifest.json'), serialiseManifest(manifest), PRIVATE);
  }
  await writeFileAtomically(pathInside(home, 'event.json'), serialiseForKeeping(event), PRIVATE);
  return saved;
}

/** Runs `work` for 0 to count − 1, at most `limit` at once; after a failure none is begun, and all begun are awaited. */
async function inParallel(
  count: number,
  limit: number,
  work: (index: number) => Promise<void>,
): Promise<void> {
  let next = 0;
  let failed = false;
  const lane = async (): Promise<void> => {
    while (next < count && !failed) {
      const index = next;
      next += 1;
      try {
        await work(index);
      } catch (error) {
        failed = true;
        throw error;
      }
    }
  };
  const results = await Promise.allSettled(Array.from({ length: Math.min(limit, count) }, lane));
  for (const result of results) if (result.status === 'rejected') throw result.reason;
}

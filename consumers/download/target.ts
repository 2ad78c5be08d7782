import { nonEmptyString, show } from '../../shared/options.ts';
import type { DownloadTarget } from './options.ts';

/** Checks where the bytes shall go. @throws {TypeError} naming the field, the value and what was expected */
export function checkTarget(target: DownloadTarget): DownloadTarget {
  if ('writable' in target) {
    if (typeof target.writable?.write === 'function') return target;
    throw new TypeError(`target.writable: got ${show(target.writable)}, expected a Writable`);
  }
  nonEmptyString('target.path', target.path);
  if (target.partialPath === undefined) return target;
  nonEmptyString('target.partialPath', target.partialPath);
  if (target.partialPath !== target.path) return target;
  throw new TypeError('target.partialPath: got the same as target.path, expected another file');
}

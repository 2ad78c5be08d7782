import { EventParseError } from '../shared/errors.ts';

/** Longest segment of a path, in bytes of UTF-8: NAME_MAX of ext4, XFS, APFS. @see https://man7.org/linux/man-pages/man0/limits.h.0p.html */
export const MAX_SEGMENT_BYTES = 255;
/** Longest relative path, in bytes of UTF-8; leaves room for the directory under Linux's PATH_MAX of 4096 and macOS's 1024. */
export const MAX_PATH_BYTES = 1024;
/** Most segments of a relative path. Deeper ones are joined into the last with `_`. */
export const MAX_PATH_DEPTH = 32;

/** Room for the ` (10000)` that tells equal names apart. */
const NUMBER_BYTES = 10;
/** Tried in turn until a path fits: 32 segments of 24 bytes always do. */
const SEGMENT_CAPS = [MAX_SEGMENT_BYTES, 128, 64, 24];
/** Longest extension kept when a segment is cut, in bytes. */
const MAX_EXTENSION_BYTES = 20;

/** Characters that some file system refuses, and controls that make a name look like another (bidirectional overrides). */
const AWKWARD = /[\p{Cc}\p{Cs}<>:"|?*\\\u2028\u2029\u202a-\u202e\u2066-\u2069]/gu;
/** @see https://learn.microsoft.com/windows/win32/fileio/naming-a-file#naming-conventions */
const RESERVED = /^(con|prn|aux|nul|conin\$|conout\$|(com|lpt)[0-9¹²³])\s*(\..*)?$/i;

/**
 * Turns an attachment's name into a relative path that every common file system takes and that stays inside its
 * directory: NFC, no control or reserved characters, no trailing dot or space, no leading `-`, no Windows device
 * name, segments of at most 255 bytes cut on a character boundary with their extension kept, at most 32 segments,
 * at most 1,014 bytes. Applying it twice changes nothing more.
 *
 * @throws {EventParseError} when the name is empty, absolute, holds NUL, or has an empty, `.` or `..` segment. The
 *   event's schema refuses these already.
 */
export function safeRelativePath(name: string): string {
  refuseEscapes(name);
  const all = name.normalize('NFC').split('/');
  const segments =
    all.length <= MAX_PATH_DEPTH
      ? all
      : [...all.slice(0, MAX_PATH_DEPTH - 1), all.slice(MAX_PATH_DEPTH - 1).join('_')];
  let path = '';
  for (const cap of SEGMENT_CAPS) {
    path = segments.map((segment) => safeSegment(segment, cap)).join('/');
    if (Buffer.byteLength(path) <= MAX_PATH_BYTES - NUMBER_BYTES) break;
  }
  return path;
}

/**
 * Gives every name its own safe path, in the order given. Two names that some file system takes for one (equal,
 * or equal but for case, Unicode form or invisible characters) are told apart as `name (2).ext`; so is a file whose
 * name is another's directory. Directories that differ in such ways are one, in the shortest spelling, or the first.
 *
 * @throws {EventParseError} like `safeRelativePath`
 */
export function assignPaths(names: readonly string[]): string[] {
  const split = names.map((name) => safeRelativePath(name).split('/'));
  const spellings = spellDirectories(split);
  const taken = new Set(spellings.keys());
  const nextNumber = new Map<string, number>();
  return split.map((segments) => {
    const file = segments.at(-1) ?? '';
    const keys = prefixKeys(segments.slice(0, -1));
    const keyOf = (candidate: string): string => childKey(keys.at(-1), candidate);
    const baseKey = keyOf(file);
    let number = nextNumber.get(baseKey) ?? 2;
    let candidate = file;
    for (; taken.has(keyOf(candidate)); number += 1) candidate = numbered(file, number);
    nextNumber.set(baseKey, number);
    taken.add(keyOf(candidate));
    return [...keys.map((key) => spellings.get(key) ?? ''), candidate].join('/');
  });
}

/** Every directory that the paths need: its folded path, and how its own segment is spelled. */
function spellDirectories(paths: readonly (readonly string[])[]): Map<string, string> {
  const spellings = new Map<string, string>();
  for (const segments of paths) {
    for (const [index, key] of prefixKeys(segments.slice(0, -1)).entries()) {
      const segment = segments[index] ?? '';
      const known = spellings.get(key);
      // The shortest, so that no path grows beyond its own length.
      if (known === undefined || Buffer.byteLength(segment) < Buffer.byteLength(known))
        spellings.set(key, segment);
    }
  }
  return spellings;
}

/** Folded paths of `a`, `a/b`, `a/b/c` for the segments a, b, c. */
function prefixKeys(segments: readonly string[]): string[] {
  const keys: string[] = [];
  for (const segment of segments) keys.push(childKey(keys.at(-1), segment));
  return keys;
}

function childKey(parentKey: string | undefined, segment: string): string {
  return parentKey === undefined ? fold(segment) : `${parentKey}/${fold(segment)}`;
}

function refuseEscapes(name: string): void {
  const refuse = (expected: string): never => {
    throw new EventParseError([{ path: 'name', value: JSON.stringify(name.slice(0, 80)), expected }]);
  };
  if (name === '') refuse('a name that is not empty');
  if (name.includes('\0')) refuse('a name without NUL');
  if (/^([/\\]|[A-Za-z]:)/.test(name)) refuse('a relative path');
  const segments = name.split(/[/\\]/);
  if (segments.some((segment) => segment === '' || segment === '.' || segment === '..')) {
    refuse('a path without empty, "." or ".." segments');
  }
}

function safeSegment(segment: string, maxBytes: number): string {
  const plain = segment.replace(AWKWARD, '_').replace(/^-/, '_');
  const cut = cutKeepingExtension(trimEnd(plain), '', maxBytes);
  return RESERVED.test(cut) ? `_${cut}` : cut;
}

/** Windows drops trailing dots and spaces, so two names would become one. */
function trimEnd(segment: string): string {
  let end = segment.length;
  while (end > 0 && (segment[end - 1] === '.' || /\s/.test(segment[end - 1] ?? ''))) end -= 1;
  return end === 0 ? '_' : segment.slice(0, end);
}

function numbered(file: string, number: number): string {
  return cutKeepingExtension(
    file,
    ` (${number})`,
    Math.min(MAX_SEGMENT_BYTES, Buffer.byteLength(file) + NUMBER_BYTES),
  );
}

/** `stem` + `suffix` + extension in at most `maxBytes`, the stem cut on a character boundary where it must be. */
function cutKeepingExtension(segment: string, suffix: string, maxBytes: number): string {
  if (suffix === '' && Buffer.byteLength(segment) <= maxBytes) return segment;
  const dot = segment.lastIndexOf('.');
  const isExtension = dot > 0 && Buffer.byteLength(segment.slice(dot)) <= MAX_EXTENSION_BYTES;
  const extension = isExtension ? segment.slice(dot) : '';
  const stem = isExtension ? segment.slice(0, dot) : segment;
  const room = maxBytes - Buffer.byteLength(suffix) - Buffer.byteLength(extension);
  const kept = cutToBytes(stem, room);
  // A cut may leave a dot or space at the end, which only matters where nothing follows.
  return suffix + extension === '' ? trimEnd(kept) : `${kept}${suffix}${extension}`;
}

function cutToBytes(text: string, maxBytes: number): string {
  let [bytes, end] = [0, 0];
  for (const character of text) {
    bytes += Buffer.byteLength(character);
    if (bytes > maxBytes) break;
    end += character.length;
  }
  return text.slice(0, end);
}

/** One key for all spellings that some file system takes for the same name. */
function fold(segment: string): string {
  return segment
    .replaceAll(/\p{Cf}/gu, '')
    .toUpperCase()
    .toLowerCase()
    .normalize('NFC');
}

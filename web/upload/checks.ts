import { formatBytes } from '../format.ts';
import type { Method, TypeRule } from './service.ts';

/** A file as it is chosen. */
export interface ChosenFile {
  /** May be a relative path. */
  readonly name: string;
  readonly mediaType: string;
  readonly size: number;
}

/** Kinds that run script where they are shown; a family such as `image/*` does not include them. */
const ACTIVE = new Set([
  'image/svg+xml',
  'text/html',
  'application/xhtml+xml',
  'text/xml',
  'application/xml',
]);

/** Above this many bytes a file goes in parts (16 MiB), unless the address says otherwise. */
const MULTIPART_ABOVE_BYTES = 16 * 1024 ** 2;
/** Largest single request of S3, in bytes (5 GiB). */
const MAX_SINGLE_BYTES = 5 * 1024 ** 3;

/**
 * Why a file would be refused, in one sentence, before a byte of it is sent; undefined if it would not. The service and
 * S3 check all of it again.
 */
export function refusalOf(file: ChosenFile, type: string, rule: TypeRule): string | undefined {
  if (!isAllowed(file.mediaType, rule.mediaTypes))
    return `It is ${file.mediaType}; “${type}” takes ${describeKinds(rule.mediaTypes)}.`;
  if (file.size > rule.maxSizeBytes)
    return `It has ${formatBytes(file.size)}; “${type}” takes at most ${formatBytes(rule.maxSizeBytes)}.`;
  if (rule.namePattern !== undefined && !matches(rule.namePattern, file.name))
    return `Its name is not one that “${type}” takes (${rule.namePattern}).`;
  return undefined;
}

function isAllowed(mediaType: string, allowed: readonly string[]): boolean {
  const kind = essence(mediaType);
  const family = `${kind.split('/', 1)[0]}/*`;
  return allowed.some(
    (each) => each === '*' || essence(each) === kind || (each === family && !ACTIVE.has(kind)),
  );
}

function essence(mediaType: string): string {
  return (mediaType.split(';', 1)[0] ?? '').trim().toLowerCase();
}

function matches(pattern: string, name: string): boolean {
  try {
    return new RegExp(`^(?:${pattern})$`, 'u').test(name);
  } catch {
    return true; // the service knows it better
  }
}

/** `images`, `video or application/pdf`, `any kind of file`. */
export function describeKinds(mediaTypes: readonly string[]): string {
  if (mediaTypes.includes('*')) return 'any kind of file';
  return mediaTypes
    .map((each) => (each === 'image/*' ? 'images' : each.replace(/^(audio|video|text)\/\*$/, '$1 files')))
    .join(' or ');
}

/** How a file goes out: as the address asks, else by its size. */
export function methodFor(size: number, wish: Method | undefined, allowed: readonly Method[]): Method {
  const single: Method = allowed.includes('put') ? 'put' : 'post';
  if (size === 0) return wish === 'post' ? 'post' : single;
  if (wish !== undefined && allowed.includes(wish) && (wish === 'multipart' || size <= MAX_SINGLE_BYTES))
    return wish;
  return allowed.includes('multipart') && (size > MULTIPART_ABOVE_BYTES || allowed.length === 1)
    ? 'multipart'
    : single;
}

import { fileTypeFromBuffer } from 'file-type';

/** Bytes from the start of a file that tell what it is; more changes nothing. @see https://github.com/sindresorhus/file-type */
export const SNIFF_BYTES = 4100;

/** `image/png; x=y` and `IMAGE/PNG` are `image/png`. */
export function essence(mediaType: string): string {
  return (mediaType.split(';', 1)[0] ?? '').trim().toLowerCase();
}

/**
 * Kinds that run script in the origin that shows them; a family such as `image/*` does not include them, only their
 * own name does.
 */
const ACTIVE = new Set([
  'image/svg+xml',
  'text/html',
  'application/xhtml+xml',
  'text/xml',
  'application/xml',
]);

/** True if `mediaType` is one of `allowed`: exact names, families such as `image/*`, or `*` for everything. */
export function isAllowedMediaType(mediaType: string, allowed: readonly string[]): boolean {
  const kind = essence(mediaType);
  const family = `${kind.split('/', 1)[0]}/*`;
  return allowed.some(
    (each) => each === '*' || essence(each) === kind || (each === family && !ACTIVE.has(kind)),
  );
}

/** Families in which every common kind has a signature: content without one is not what its name says. */
const RECOGNISABLE =
  /^(?:image|audio|video|font)\/|^application\/(?:pdf|zip|gzip|x-7z-compressed|vnd\.openxml.*)$/;

/** Names of one kind under which software disagrees. */
const ALIASES: Readonly<Record<string, string>> = {
  'image/jpg': 'image/jpeg',
  'image/x-png': 'image/png',
  'image/x-icon': 'image/vnd.microsoft.icon',
  'audio/mp3': 'audio/mpeg',
  'audio/wav': 'audio/x-wav',
  'audio/wave': 'audio/x-wav',
  'audio/vnd.wave': 'audio/x-wav',
  'audio/x-m4a': 'audio/mp4',
  'audio/flac': 'audio/x-flac',
  'video/x-m4v': 'video/mp4',
  'video/matroska': 'video/x-matroska',
  'video/x-msvideo': 'video/vnd.avi',
  'application/x-zip-compressed': 'application/zip',
  'application/x-gzip': 'application/gzip',
  'application/x-pdf': 'application/pdf',
};

/** Containers that hold other kinds: what they are is told by a name, not by their first bytes. */
const CONTAINERS: Readonly<Record<string, RegExp>> = {
  'application/zip': /^application\/(?:vnd\.|epub\+zip|java-archive|x-zip)/,
  'application/xml': /\+xml$|^text\/xml$/,
  'application/x-cfb': /^application\/(?:msword|vnd\.ms-)/,
  'video/mp4': /^audio\/mp4$|^video\/quicktime$/,
  'audio/mp4': /^video\/mp4$/,
  'audio/ogg': /^(?:video|application)\/ogg$/,
  'video/webm': /^audio\/webm$/,
};

/**
 * Compares what a file begins with to what it was declared to be.
 * @param head the first `SNIFF_BYTES`, or the whole file
 * @returns undefined if they agree, or if nobody can tell; else what it is
 */
export async function contradiction(head: Uint8Array, declared: string): Promise<string | undefined> {
  const kind = canonical(declared);
  if (kind === 'application/octet-stream' || head.byteLength === 0) return undefined;
  const found = (await fileTypeFromBuffer(head))?.mime;
  if (found === undefined) {
    if (kind === 'image/svg+xml') return undefined;
    return RECOGNISABLE.test(kind) ? 'nothing that is known' : undefined;
  }
  const actual = canonical(found);
  if (actual === kind || CONTAINERS[actual]?.test(kind) === true) return undefined;
  return actual;
}

function canonical(mediaType: string): string {
  const kind = essence(mediaType);
  return ALIASES[kind] ?? kind;
}

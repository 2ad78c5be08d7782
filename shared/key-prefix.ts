/** True if `prefix` can stand for a folder of keys: not empty, not absolute, no empty or dot segment. */
export function isPrefix(prefix: string): boolean {
  const segments = prefix.replace(/\/$/, '').split('/');
  return segments.every((segment) => segment !== '' && segment !== '.' && segment !== '..');
}

/** The prefix with exactly one `/` at its end. */
export function normalisePrefix(prefix: string): string {
  return prefix.endsWith('/') ? prefix : `${prefix}/`;
}

/**
 * True if `key` lies under `prefix`, by whole segments: `payloads/a/` does not hold `payloads/ab/x`.
 * Keys with dot segments lie nowhere: a client that resolves them would ask for another object.
 */
export function isUnderPrefix(key: string, prefix: string): boolean {
  const folder = normalisePrefix(prefix);
  if (!key.startsWith(folder) || key.length === folder.length) return false;
  return key.split('/').every((segment) => segment !== '.' && segment !== '..');
}

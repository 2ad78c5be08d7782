import type { VersionRecord } from './records.ts';

/** The versions of a bucket in memory: keys in UTF-8 order, versions newest first. */
export class KeyIndex {
  readonly #versions = new Map<string, VersionRecord[]>();
  #sortedKeys: string[] | undefined;

  /** Versions of a key, newest first, delete markers included; empty if there are none. */
  versionsOf(key: string): readonly VersionRecord[] {
    return this.#versions.get(key) ?? [];
  }

  /** Adds a version, in the place of one with the same `versionId`. */
  put(record: VersionRecord): void {
    const old = this.#versions.get(record.key);
    if (old === undefined) this.#insertKey(record.key);
    const others = (old ?? []).filter(({ versionId }) => versionId !== record.versionId);
    const at = others.findIndex(({ sequence }) => sequence < record.sequence);
    others.splice(at === -1 ? others.length : at, 0, record);
    this.#versions.set(record.key, others);
  }

  remove(key: string, versionId: string): void {
    const left = this.versionsOf(key).filter((record) => record.versionId !== versionId);
    if (left.length > 0) {
      this.#versions.set(key, left);
      return;
    }
    if (!this.#versions.delete(key)) return;
    const keys = this.#sortedKeys;
    if (keys !== undefined) keys.splice(lowerBound(keys, key), 1);
  }

  get isEmpty(): boolean {
    return this.#versions.size === 0;
  }

  /** Keys from the first that is not below `from`, in UTF-8 order. Do not change the index while iterating. */
  *keysFrom(from: string): Generator<string> {
    const keys = this.#keys();
    for (let at = lowerBound(keys, from); at < keys.length; at += 1) yield keys[at] ?? '';
  }

  *all(): Generator<VersionRecord> {
    for (const versions of this.#versions.values()) yield* versions;
  }

  #keys(): string[] {
    this.#sortedKeys ??= [...this.#versions.keys()].sort(compareUtf8);
    return this.#sortedKeys;
  }

  #insertKey(key: string): void {
    const keys = this.#sortedKeys;
    if (keys !== undefined) keys.splice(lowerBound(keys, key), 0, key);
  }
}

/** Orders strings as their UTF-8 bytes, which is how S3 lists; differs from `<` above U+FFFF. */
export function compareUtf8(a: string, b: string): number {
  const length = Math.min(a.length, b.length);
  for (let at = 0; at < length; at += 1) {
    const x = a.charCodeAt(at);
    const y = b.charCodeAt(at);
    if (x !== y) return rank(x) - rank(y);
  }
  return a.length - b.length;
}

/** Surrogates stand for code points above every other code unit. */
function rank(unit: number): number {
  return unit >= 0xd800 && unit <= 0xdfff ? unit + 0x10000 : unit;
}

function lowerBound(keys: readonly string[], key: string): number {
  let low = 0;
  let high = keys.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (compareUtf8(keys[middle] ?? '', key) < 0) low = middle + 1;
    else high = middle;
  }
  return low;
}

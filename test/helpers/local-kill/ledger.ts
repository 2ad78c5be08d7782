/** What a key holds, or nothing. */
export type Content = { readonly sha256: string; readonly tag: string } | undefined;

/** A version that the driver was told of. */
export interface KnownVersion {
  readonly bucket: string;
  readonly key: string;
  readonly versionId: string;
  /** More than one while the answer to a tagging or a delete is lost. */
  possible: Content[];
}

/** An upload that the driver was told of and that may be in progress. */
export interface KnownUpload {
  readonly bucket: string;
  readonly key: string;
  readonly uploadId: string;
  /** Acknowledged parts by number; several while the answer to a replacement is lost. */
  readonly parts: Map<number, Buffer[]>;
  /** Someone asked for its end and has no answer. */
  ending: boolean;
}

/**
 * What the driver may believe. A write that is acknowledged leaves one possibility; one whose answer is lost
 * leaves the old ones and the new.
 */
export class Ledger {
  readonly keys = new Map<string, Content[]>();
  readonly versions = new Map<string, KnownVersion>();
  readonly uploads = new Map<string, KnownUpload>();
  /** Keys that many clients try to create with If-None-Match: what each of them sent. */
  readonly races = new Map<string, { attempts: Content[]; winner: Content }>();
  acknowledged = 0;
  lost = 0;

  possible(id: string): Content[] {
    return this.keys.get(id) ?? [undefined];
  }

  /** Runs a write of one key by its only writer, and notes what may be there after. */
  async write<T>(id: string, next: Content, send: () => Promise<T>): Promise<T> {
    const before = this.possible(id);
    this.keys.set(id, [...before, next]);
    const result = await this.attempt(send);
    this.keys.set(id, [next]);
    return result;
  }

  async attempt<T>(send: () => Promise<T>): Promise<T> {
    try {
      const result = await send();
      this.acknowledged += 1;
      return result;
    } catch (error) {
      this.lost += 1;
      throw error;
    }
  }
}

export const idOf = (bucket: string, key: string): string => `${bucket}/${key}`;

export const isSame = (a: Content, b: Content): boolean => a?.sha256 === b?.sha256 && a?.tag === b?.tag;

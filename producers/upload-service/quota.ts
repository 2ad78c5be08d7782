/** An upload that counts. */
export interface CountedUpload {
  readonly uploadId: string;
  /** Bytes. */
  readonly size: number;
}

/** What an owner has open. */
export interface OpenUploads {
  readonly uploads: number;
  readonly bytes: number;
}

/** Admits uploads one after another, as far as this process sees them. */
export interface Quota {
  /** Counts an upload from now on. @throws what `check` throws, and what the listing does */
  admit(owner: string, upload: CountedUpload): Promise<void>;
  /** The upload is recorded now, or never will be. */
  settle(owner: string, uploadId: string): void;
}

interface Waiting {
  readonly upload: CountedUpload;
  readonly admitted: () => void;
  readonly refused: (reason: unknown) => void;
}

interface Owner {
  /** Admitted, and perhaps not recorded yet. */
  readonly admitted: Map<string, number>;
  waiting: Waiting[];
  isCounting: boolean;
}

/**
 * Compares what an owner has open with what he may. However many requests come at once, one listing at a time is made
 * for an owner: those who came while one ran share the next, and each counts for those behind it.
 * @param list an owner's open uploads, as they are recorded
 * @param check throws when the upload would be too much beside what is open
 */
export function createQuota(
  list: (owner: string) => AsyncIterable<CountedUpload>,
  check: (upload: CountedUpload, open: OpenUploads) => void,
): Quota {
  const owners = new Map<string, Owner>();

  const openOf = async (owner: string, { admitted }: Owner): Promise<Map<string, number>> => {
    // Before the listing: one may be recorded behind the listing's back and settle before it ends.
    const open = new Map(admitted);
    for await (const { uploadId, size } of list(owner)) open.set(uploadId, size);
    return open;
  };

  const answer = async (owner: string, state: Owner, batch: readonly Waiting[]): Promise<void> => {
    const open = await openOf(owner, state);
    let bytes = 0;
    for (const size of open.values()) bytes += size;
    for (const { upload, admitted, refused } of batch) {
      try {
        check(upload, { uploads: open.size, bytes });
        open.set(upload.uploadId, upload.size);
        bytes += upload.size;
        state.admitted.set(upload.uploadId, upload.size);
        admitted();
      } catch (error) {
        refused(error);
      }
    }
  };

  const forget = (owner: string, { admitted, isCounting }: Owner): void => {
    if (admitted.size === 0 && !isCounting) owners.delete(owner);
  };

  const count = async (owner: string, state: Owner): Promise<void> => {
    state.isCounting = true;
    while (state.waiting.length > 0) {
      const batch = state.waiting;
      state.waiting = [];
      await answer(owner, state, batch).catch((error: unknown) => {
        for (const { refused } of batch) refused(error);
      });
    }
    state.isCounting = false;
    forget(owner, state);
  };

  return {
    admit: async (owner, upload) =>
      await new Promise((admitted, refused) => {
        const state: Owner = owners.get(owner) ?? { admitted: new Map(), waiting: [], isCounting: false };
        owners.set(owner, state);
        state.waiting.push({ upload, admitted, refused });
        if (!state.isCounting) void count(owner, state);
      }),
    settle(owner, uploadId) {
      const state = owners.get(owner);
      if (state === undefined) return;
      state.admitted.delete(uploadId);
      forget(owner, state);
    },
  };
}

import { call } from '../session.ts';

/** How bytes go out. */
export type Method = 'put' | 'post' | 'multipart';

/** What one type of upload takes. */
export interface TypeRule {
  readonly mediaTypes: readonly string[];
  readonly maxSizeBytes: number;
  readonly namePattern?: string;
  readonly methods: readonly Method[];
}

export interface SignedRequest {
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly expiresAt: string;
}

export interface OpenedUpload {
  readonly uploadId: string;
  readonly put?: SignedRequest;
  readonly post?: {
    readonly url: string;
    readonly fields: Readonly<Record<string, string>>;
    readonly expiresAt: string;
  };
  readonly multipart?: { readonly partSizeBytes: number; readonly partCount: number };
}

/** What became of an upload. */
export interface UploadStatus {
  readonly uploadId: string;
  readonly eventId: string;
  readonly state: 'open' | 'accepted' | 'published' | 'refused' | 'aborted';
  readonly name: string;
  readonly mediaType: string;
  readonly size: number;
  readonly type: string;
  readonly method: Method;
  readonly createdAt: string;
  readonly expiresAt: string;
  readonly digest?: string;
  readonly refusal?: { readonly code: string; readonly detail: string };
}

export interface OpenRequest {
  readonly name: string;
  readonly mediaType: string;
  readonly size: number;
  readonly type: string;
  readonly method: Method;
  readonly digest?: string;
  readonly partChecksums?: boolean;
}

type Stop = AbortSignal | undefined;

/** The upload service as the page asks it. @see docs/uploads.md */
export const service = {
  types: async () => (await call<{ types: Readonly<Record<string, TypeRule>> }>('GET', 'types')).types,
  open: async (request: OpenRequest, signal?: Stop) =>
    await call<OpenedUpload>('POST', 'uploads', { body: request, signal }),
  status: async (id: string) => await call<UploadStatus>('GET', `uploads/${encodeURIComponent(id)}`),
  cancel: async (id: string) => await call<UploadStatus>('DELETE', `uploads/${encodeURIComponent(id)}`),
  signPart: async (id: string, part: { partNumber: number; crc32c: string }, signal?: Stop) => {
    const path = `uploads/${encodeURIComponent(id)}/parts`;
    const { parts } = await call<{ parts: readonly SignedRequest[] }>('POST', path, {
      body: { parts: [part] },
      signal,
    });
    const [signed] = parts;
    if (signed === undefined) throw new TypeError('parts: got none, expected one');
    return signed;
  },
  listParts: async (id: string, signal?: Stop) =>
    (
      await call<{ parts: readonly { partNumber: number; size: number; etag: string }[] }>(
        'GET',
        `uploads/${encodeURIComponent(id)}/parts`,
        { signal },
      )
    ).parts,
  complete: async (id: string, signal?: Stop) =>
    await call<UploadStatus>('POST', `uploads/${encodeURIComponent(id)}/complete`, { signal }),
  files: async () => (await call<{ files: readonly UploadStatus[] }>('GET', 'files')).files,
  fileUrl: async (id: string) =>
    (await call<{ url: string }>('POST', `files/${encodeURIComponent(id)}/url`)).url,
};

import type { FilePlace, Placed, TransportFailure } from '../transport.ts';

/** What a thread is told: *get → place | cancel*. */
export type ToThread = { readonly id: number } & (
  | {
      readonly get: {
        readonly url: string;
        readonly headers: Readonly<Record<string, string>>;
        readonly stallTimeoutMs: number;
      };
    }
  | { readonly place: FilePlace }
  | { readonly cancel: true }
);

/** What it answers: *head → placed… → over*, or *over* at any time. After that it touches nothing of this request. */
export type FromThread = { readonly id: number } & (
  | {
      readonly head: { readonly status: number; readonly headers: Readonly<Record<string, string>> };
      /** The beginning of the body, where nobody wants to place it: of an error. */
      readonly text?: string;
    }
  | { readonly placed: Placed }
  | { readonly over: 'done' | ThreadFailure }
);

/** An error as it passes from thread to thread. */
export interface ThreadFailure {
  readonly message: string;
  /** Of a TransportError. */
  readonly failure?: TransportFailure | undefined;
  /** Of an error of the system, which is about the file. */
  readonly code?: string | undefined;
  readonly syscall?: string | undefined;
}

/** What a thread is started with. */
export interface ThreadData {
  readonly connectTimeoutMs: number;
  readonly ca: string | Buffer | readonly (string | Buffer)[] | undefined;
}

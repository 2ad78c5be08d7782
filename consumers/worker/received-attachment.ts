import { linkSignals, type WatchedSignal } from '../../shared/cancellation.ts';
import type { Attachment } from '../../shared/events/index.ts';
import {
  download,
  downloadBytes,
  downloadStream,
  type DownloadEvent,
  type DownloadOptions,
} from '../download/index.ts';
import { alreadySaved } from './already-saved.ts';
import type { ReceivedAttachment, SaveOptions } from './types.ts';

/** What the downloads of one message share. */
export interface DownloadContext {
  /** All but signal and onEvent. */
  readonly options: DownloadOptions;
  /** Ends them all: the message's signal. */
  readonly signal: WatchedSignal | undefined;
  readonly onEvent: (attachment: Attachment, event: DownloadEvent) => void;
  /** Called when a file or buffer is whole, before the handler gets it; what it throws fails the download. */
  readonly assertHeld?: () => void;
}

/** Gives an attachment the methods by which a handler fetches it. They are not enumerable: logs show fields only. */
export function receivedAttachment(attachment: Attachment, context: DownloadContext): ReceivedAttachment {
  const optionsFor = (options: Pick<SaveOptions, 'onEvent'>, signal: AbortSignal): DownloadOptions => ({
    ...context.options,
    signal,
    onEvent: (event) => {
      context.onEvent(attachment, event);
      options.onEvent?.(event);
    },
  });
  const methods: Pick<ReceivedAttachment, 'saveTo' | 'stream' | 'bytes'> = {
    saveTo: (path, options = {}) => {
      const { partialPath } = options;
      const target = { path, ...(partialPath === undefined ? {} : { partialPath }) };
      return whileLinked(context.signal, options.signal, async (signal) => {
        const all = optionsFor(options, signal);
        const saved = await alreadySaved(attachment, path, signal);
        if (saved !== undefined) all.onEvent?.({ kind: 'verified', ...saved.verified });
        const result = saved ?? (await download(attachment, target, all));
        context.assertHeld?.();
        return result;
      });
    },
    bytes: (limits, options = {}) =>
      whileLinked(context.signal, options.signal, async (signal) => {
        const bytes = await downloadBytes(attachment, limits, optionsFor(options, signal));
        context.assertHeld?.();
        return bytes;
      }),
    stream: (options = {}) => {
      const link = linkSignals([context.signal, options.signal]);
      const stream = downloadStream(attachment, optionsFor(options, link.signal));
      // A stream that the handler leaves unread fails when the message is done; nobody may be listening by then.
      stream.on('error', () => {});
      stream.once('close', () => link[Symbol.dispose]());
      return stream;
    },
  };
  const described = Object.entries(methods).map(
    ([name, value]) => [name, { value, enumerable: false }] as const,
  );
  return Object.defineProperties({ ...attachment }, Object.fromEntries(described)) as ReceivedAttachment;
}

/** A download that the handler does not await is aborted with its message; that must not be an unhandled rejection. */
function whileLinked<T>(
  parent: WatchedSignal | undefined,
  other: AbortSignal | undefined,
  work: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  const run = async (): Promise<T> => {
    using link = linkSignals([parent, other]);
    return await work(link.signal);
  };
  const promise = run();
  promise.catch(() => {});
  return promise;
}

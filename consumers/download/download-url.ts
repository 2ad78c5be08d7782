import type { SecretUrl } from '../../shared/secret.ts';
import { downloadTo } from './download-to.ts';
import { learnObject } from './learn-object.ts';
import { openBareTransfer } from './open-transfer.ts';
import { resolveTransferOptions, type DownloadTarget, type DownloadUrlOptions } from './options.ts';
import type { DownloadResult } from './result.ts';

/**
 * Downloads from a bare presigned URL. What the event would say is learned from the store: the size, unless given, by
 * asking for the first byte, the etag from the first reply; all replies must then be of that object. The URL cannot be
 * renewed. The URL's origin is not checked: give only URLs that you trust.
 *
 * @throws {UrlExpiredError} when the URL has expired
 * @throws all else that `download` throws
 * @example
 * await downloadUrl(new SecretUrl(process.argv[2]), { path: 'a.bin' }, { digest: 'sha-256=:…:' });
 */
export async function downloadUrl(
  url: SecretUrl,
  target: DownloadTarget,
  options: DownloadUrlOptions = {},
): Promise<DownloadResult> {
  const resolved = resolveTransferOptions(options);
  return await downloadTo(
    target,
    async (signal) => {
      const transfer = openBareTransfer(url, options, resolved, signal);
      try {
        if (options.size === undefined) await learnObject(transfer);
        return transfer;
      } catch (error) {
        await transfer[Symbol.asyncDispose]();
        throw error;
      }
    },
    options.signal,
  );
}

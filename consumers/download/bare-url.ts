import { UrlExpiredError } from '../../shared/errors.ts';
import type { SecretUrl } from '../../shared/secret.ts';
import { presignedLife } from './expiry.ts';
import type { HeldUrl, UrlKeeper } from './url-keeper.ts';

/** A keeper of one bare URL, which cannot be renewed. */
export function keepBareUrl(url: SecretUrl): UrlKeeper {
  const life = presignedLife(url.reveal());
  const held: HeldUrl = { generation: 0, url, headers: {}, life };
  return {
    canRefetch: false,
    current: () => Promise.resolve(held),
    replace: () =>
      Promise.reject(new UrlExpiredError(`GET ${String(url)}: the URL has expired, and is all there is`)),
  };
}

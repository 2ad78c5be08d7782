/** A refusal by the store, in words for a person. */
export class StoreRefusal extends Error {
  override readonly name = 'StoreRefusal';
}

/** What S3 means, for the person who uploads. @see https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html */
const MEANINGS: Readonly<Record<string, string>> = {
  EntityTooLarge: 'The store refused it: it has more bytes than were announced.',
  EntityTooSmall: 'The store refused it: it has fewer bytes than were announced.',
  BadDigest: 'The store got other bytes than the file has. Try again.',
  XAmzContentChecksumMismatch: 'The store got other bytes than the file has. Try again.',
  SignatureDoesNotMatch: 'The store refused it: the request was changed after it was signed.',
  NoSuchUpload: 'This upload was ended. Remove the file and add it again.',
};

/** Explains an answer of S3 that is not a success. */
export function explainStoreAnswer(status: number, body: string): StoreRefusal {
  const text = (tag: string): string => new RegExp(`<${tag}>([^<]*)</${tag}>`).exec(body)?.[1] ?? '';
  const [code, message] = [text('Code'), text('Message')];
  if (/expired/i.test(message) || code === 'ExpiredToken')
    return new StoreRefusal('The permission to send it has expired. Retry to get a fresh one.');
  if (/policy/i.test(message) && code === 'AccessDenied')
    return new StoreRefusal('The store refused it: it is not what was allowed, or the form was changed.');
  return new StoreRefusal(
    MEANINGS[code] ?? `The store refused it (${code === '' ? status : `${code}, ${status}`}).`,
  );
}

/** What it looks like when the store answers, but not to pages of this origin: browsers do not tell more. */
export function originRefusal(store: string): StoreRefusal {
  return new StoreRefusal(
    `The store at ${store} does not take uploads from pages of ${location.origin}. Ask its operator to add this origin.`,
  );
}

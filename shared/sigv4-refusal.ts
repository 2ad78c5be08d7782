/** AWS's answer to a request it does not let in. */
export interface SigV4Refusal {
  readonly ok: false;
  /** No signature of any kind was present. */
  readonly anonymous?: true;
  /** HTTP status. */
  readonly status: number;
  /** AWS error code. */
  readonly code: string;
  readonly message: string;
  /** Further XML elements: `Expires`, `ServerTime`, `HeadersNotSigned`, … */
  readonly details: Readonly<Record<string, string>>;
}

/** Makes a refusal. */
export function refuse(
  status: number,
  code: string,
  message: string,
  details: Readonly<Record<string, string>> = {},
): SigV4Refusal {
  return { ok: false, status, code, message, details };
}

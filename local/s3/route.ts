import type { Exchange } from './exchange.ts';

/** What a request is about. */
export type RouteLevel = 'service' | 'bucket' | 'object';

/** One S3 action and the requests that mean it. */
export interface Route {
  /** AWS action name. */
  readonly operation: string;
  readonly method: string;
  readonly level: RouteLevel;
  /** Query parameters that must be there. A value, if given, must be equal. */
  readonly needs?: Readonly<Record<string, string | undefined>>;
  /** Query parameters that may be there. Others that do not begin with `x-` are refused with 501. */
  readonly allows?: readonly string[];
  /** A header that must be there. */
  readonly header?: string;
  /** The signature is in a form instead of the request. */
  readonly form?: boolean;
  readonly action: (exchange: Exchange) => Promise<void>;
}

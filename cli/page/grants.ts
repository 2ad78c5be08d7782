import type { Logger } from '../../shared/logger.ts';

/** A fresh URL that the URL service gave, as its audit line says it. */
export interface Grant {
  readonly key: string;
  /** RFC 3339. */
  readonly expiresAt: string;
}

/** What the URL service gives, read off its audit. */
export interface Grants {
  /** To be given to the URL service; passes on everything. */
  readonly logger: Logger;
  /** From now on. */
  onGrant(listener: (grant: Grant) => void): void;
}

export function tapGrants(logger: Logger): Grants {
  const listeners: ((grant: Grant) => void)[] = [];
  return {
    logger: {
      debug: (fields, message) => logger.debug(fields, message),
      info(fields, message) {
        const { outcome, key, expiresAt } = fields as Partial<Grant> & { readonly outcome?: string };
        if (outcome === 'granted' && typeof key === 'string' && typeof expiresAt === 'string')
          for (const listener of listeners) listener({ key, expiresAt });
        logger.info(fields, message);
      },
      warn: (fields, message) => logger.warn(fields, message),
      error: (fields, message) => logger.error(fields, message),
    },
    onGrant: (listener) => void listeners.push(listener),
  };
}

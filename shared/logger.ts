import { redact, redactText } from './redact.ts';

/** What Waybill asks of a logger: fields first, then a sentence. pino's own shape, so a pino logger fits as it is. */
export interface Logger {
  debug(fields: object, message: string): void;
  info(fields: object, message: string): void;
  warn(fields: object, message: string): void;
  error(fields: object, message: string): void;
}

/** Says nothing. The default everywhere but in the CLI. */
export const silentLogger: Logger = { debug() {}, info() {}, warn() {}, error() {} };

/** Wraps a logger so that every field and message passes `redact()` first. */
export function redactingLogger(logger: Logger): Logger {
  if (logger === silentLogger) return logger; // nobody would see what redacting finds
  const through =
    (level: keyof Logger) =>
    (fields: object, message: string): void =>
      logger[level](redact(fields) as object, redactText(message));
  return { debug: through('debug'), info: through('info'), warn: through('warn'), error: through('error') };
}

import { silentLogger, type Logger } from '../../shared/logger.ts';

/** A logger that adds the same fields to every line. */
export function withFields(logger: Logger, fields: object): Logger {
  if (logger === silentLogger) return logger;
  const through =
    (level: keyof Logger) =>
    (more: object, message: string): void =>
      logger[level]({ ...fields, ...more }, message);
  return { debug: through('debug'), info: through('info'), warn: through('warn'), error: through('error') };
}

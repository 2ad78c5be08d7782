import { redactingLogger, type Logger } from './logger.ts';

/** What a log line costs least: the levels from which lines are written. */
const LEVELS = ['debug', 'info', 'warn', 'error'] as const;

/** The least level that is written. */
export type LogLevel = (typeof LEVELS)[number] | 'silent';

/**
 * A logger of one JSON object a line, redacted, for functions: CloudWatch finds the fields by itself.
 * @param write gets each line with its end @default - stdout
 * @param level @default 'info'
 */
export function jsonLogger(
  options: { readonly level?: LogLevel; readonly write?: (line: string) => void } = {},
): Logger {
  const { level = 'info', write = (line) => void process.stdout.write(line) } = options;
  const from = level === 'silent' ? LEVELS.length : LEVELS.indexOf(level);
  const at =
    (name: (typeof LEVELS)[number]) =>
    (fields: object, message: string): void => {
      if (LEVELS.indexOf(name) < from) return;
      const line = { level: name, time: new Date().toISOString(), msg: message, ...fields };
      write(`${JSON.stringify(line, plainError)}\n`);
    };
  return redactingLogger({ debug: at('debug'), info: at('info'), warn: at('warn'), error: at('error') });
}

/** JSON knows nothing of an error's own fields. */
function plainError(_name: string, value: unknown): unknown {
  if (!(value instanceof Error)) return value;
  const { name, message, stack, cause } = value;
  return { name, message, stack, ...(cause === undefined ? {} : { cause }) };
}

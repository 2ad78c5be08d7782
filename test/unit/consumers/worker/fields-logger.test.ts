import { describe, expect, it } from 'vitest';
import { withFields } from '../../../../consumers/worker/fields-logger.ts';
import { silentLogger } from '../../../../shared/logger.ts';

describe('a logger with fields', () => {
  it('adds them to every line; those of the line win', () => {
    const lines: unknown[] = [];
    const keep = (level: string) => (fields: object, message: string) => lines.push([level, fields, message]);
    const plain = { debug: keep('debug'), info: keep('info'), warn: keep('warn'), error: keep('error') };
    const logger = withFields(plain, { eventId: 'e', attempt: 1 });
    logger.debug({}, 'a');
    logger.error({ attempt: 2 }, 'b');
    expect(lines).toEqual([
      ['debug', { eventId: 'e', attempt: 1 }, 'a'],
      ['error', { eventId: 'e', attempt: 2 }, 'b'],
    ]);
  });

  it('stays the silent one, for which nothing is redacted', () => {
    expect(withFields(silentLogger, { eventId: 'e' })).toBe(silentLogger);
  });
});

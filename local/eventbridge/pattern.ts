import { EventPatternError } from '../../shared/event-pattern/invalid-pattern.ts';
import { compilePattern as compile, type EventMatcher } from '../../shared/event-pattern/pattern.ts';
import { AwsError } from '../aws-error.ts';

export type { EventMatcher };

/**
 * Compiles an event pattern, as JSON text or as an object.
 * @throws {AwsError} InvalidEventPatternException naming the path at fault
 */
export function compilePattern(pattern: unknown): EventMatcher {
  try {
    return compile(pattern);
  } catch (error) {
    if (error instanceof EventPatternError) throw new AwsError('InvalidEventPatternException', error.message);
    throw error;
  }
}

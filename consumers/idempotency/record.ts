import {
  idempotencyRecordSchema,
  idempotencyText,
  type IdempotencyRecord,
} from '../../shared/idempotency.ts';
import { IdempotencyRecordError } from './errors.ts';

/**
 * A record from its stored text.
 * @throws {IdempotencyRecordError} when it is none, or one of another event: nobody may guess what was handled
 */
export function parseRecord(key: string, body: string): IdempotencyRecord {
  const parsed = idempotencyRecordSchema.safeParse(parseJson(body));
  if (!parsed.success) {
    const [issue] = parsed.error.issues;
    const where = issue === undefined || issue.path.length === 0 ? 'the record' : issue.path.join('.');
    throw new IdempotencyRecordError(
      `${key}: not an idempotency record (${where}: ${issue?.message ?? 'invalid'})`,
    );
  }
  const of = idempotencyText(parsed.data);
  if (of !== key) throw new IdempotencyRecordError(`${key}: the record that stands there is of ${of}`);
  return parsed.data;
}

function parseJson(body: string): unknown {
  try {
    return JSON.parse(body);
  } catch {
    return undefined;
  }
}

import { createHash } from 'node:crypto';

/** First character of a stored body that was rewritten, and the escape within one. Both private use. */
const MARK = '\uF8FE';
const ESCAPE = '\uF8FF';

/** From the UTF-16 halves (U+D800 to U+DFFF) to the private use characters that stand for them. */
const SHIFT = 0x800;

/**
 * The body as fauxqs takes it.
 *
 * fauxqs 1.9.2 refuses every character above U+FFFF (an emoji in a file name), because its pattern of allowed
 * characters looks at UTF-16 halves; SQS takes them. Such bodies are stored with their halves moved to the
 * private use area, behind a mark. Lone halves stay as they are: SQS refuses them, and so does fauxqs.
 */
export function toStoredBody(body: string): string {
  const astral = /[\u{10000}-\u{10FFFF}]/u.test(body) && !/\p{Surrogate}/u.test(body);
  if (!astral && !body.startsWith(MARK)) return body;
  const moved = body.replaceAll(/[\uD800-\uE7FF\uF8FF]/g, (unit) => {
    const code = unit.charCodeAt(0);
    return code < 0xe000 ? String.fromCharCode(code + SHIFT) : `${ESCAPE}${unit}`;
  });
  return `${MARK}${moved}`;
}

/** The body as its sender sent it. */
export function fromStoredBody(stored: string): string {
  if (!stored.startsWith(MARK)) return stored;
  return stored
    .slice(1)
    .replaceAll(/\uF8FF([\uE000-\uE7FF\uF8FF])|[\uE000-\uE7FF]/g, (unit, escaped: string | undefined) =>
      escaped === undefined ? String.fromCharCode(unit.charCodeAt(0) - SHIFT) : escaped,
    );
}

/** The digest that SQS sends along with a body, and that SDK clients check. */
export function bodyMd5(body: string): string {
  return createHash('md5').update(body).digest('hex');
}

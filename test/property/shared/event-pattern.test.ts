import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import { compilePattern } from '../../../shared/event-pattern/pattern.ts';

const field = fc.stringMatching(/^[a-z]{1,6}$/);
const scalar = fc.oneof(fc.string({ maxLength: 12 }), fc.integer(), fc.boolean(), fc.constant(null));

describe('compilePattern', () => {
  it('matches an event by the pattern made of its own values, and not with one value changed', () => {
    fc.assert(
      fc.property(fc.dictionary(field, scalar, { minKeys: 1 }), fc.nat(), (detail, pick) => {
        const pattern = Object.fromEntries(Object.entries(detail).map(([name, value]) => [name, [value]]));
        expect(compilePattern({ detail: pattern })({ detail })).toBe(true);
        const names = Object.keys(detail);
        const changed = names[pick % names.length]!;
        expect(
          compilePattern({ detail: pattern })({
            detail: { ...detail, [changed]: 'something else entirely' },
          }),
        ).toBe(false);
      }),
    );
  });

  it('takes anything-but as the opposite of equality, on any one string', () => {
    fc.assert(
      fc.property(fc.string({ maxLength: 4 }), fc.string({ maxLength: 4 }), (wanted, value) => {
        const equal = compilePattern({ f: [wanted] })({ f: value });
        expect(compilePattern({ f: [{ 'anything-but': wanted }] })({ f: value })).toBe(!equal);
      }),
    );
  });

  it('matches wildcards as the regular expression of the same meaning', () => {
    const piece = fc.stringMatching(/^[ab]{0,3}$/);
    fc.assert(
      fc.property(
        fc.array(piece, { minLength: 1, maxLength: 4 }),
        fc.stringMatching(/^[ab]{0,9}$/),
        (pieces, value) => {
          const wildcard = pieces.join('*').replaceAll(/\*+/g, '*');
          const expression = new RegExp(`^${wildcard.replaceAll('*', '.*')}$`);
          expect(compilePattern({ f: [{ wildcard }] })({ f: value })).toBe(expression.test(value));
        },
      ),
    );
  });
});

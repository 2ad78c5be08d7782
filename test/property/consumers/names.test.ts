import { relative, resolve, sep } from 'node:path';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { assignPaths, safeRelativePath } from '../../../consumers/names.ts';
import { attachmentSchema } from '../../../shared/events/index.ts';
import { pathInside } from '../../../consumers/worker/safe-directory.ts';

const nasty = fc.constantFrom(
  'a',
  'A',
  'b',
  '/',
  '/',
  '.',
  '..',
  ' ',
  '-',
  'CON',
  'nul',
  '\\',
  ':',
  '\u0301',
  'é',
  'ß',
  'ﬁ',
  'K',
  '\u200d',
  '\u202e',
  '\ud800',
  '😀',
  '漢',
  '.txt',
  ' (2)',
  '\n',
  '~',
);
const anyName = fc.oneof(
  fc.string({ unit: 'binary', maxLength: 60 }),
  fc.array(nasty, { minLength: 1, maxLength: 12 }).map((parts) => parts.join('')),
  fc.array(nasty, { minLength: 200, maxLength: 500 }).map((parts) => parts.join('')),
);
/** Names that the event's schema lets through. */
const name = anyName.filter((text) => attachmentSchema.shape.name.safeParse(text).success);

describe('names from the wire', () => {
  it('become paths within limits, inside their directory, whatever the schema lets through', () => {
    fc.assert(
      fc.property(name, (text) => {
        const path = safeRelativePath(text);
        const segments = path.split('/');
        expect(Buffer.byteLength(path)).toBeLessThanOrEqual(1024);
        expect(segments.length).toBeLessThanOrEqual(32);
        for (const segment of segments) {
          expect(Buffer.byteLength(segment)).toBeLessThanOrEqual(255);
          expect(segment).not.toMatch(/^(|\.|\.\.|-.*)$|[. ]$|[<>:"|?*\\]/);
          // oxlint-disable-next-line no-control-regex -- control characters are what is looked for
          expect(segment).not.toMatch(/[\u0000-\u001f\u007f-\u009f]/);
        }
        expect(path.normalize('NFC')).toBe(path);
        expect(safeRelativePath(path)).toBe(path);
      }),
      { numRuns: 2000 },
    );
  });

  it('get paths of their own, also where case and Unicode form do not count', () => {
    fc.assert(
      fc.property(fc.array(name, { maxLength: 20 }), (names) => {
        const paths = assignPaths(names);
        const folded = paths.map((path) => path.normalize('NFC').toLowerCase());
        expect(new Set(folded).size).toBe(names.length);
        for (const [index, path] of folded.entries()) {
          const asDirectory = `${path}/`;
          expect(folded.some((other, at) => at !== index && other.startsWith(asDirectory))).toBe(false);
          expect(Buffer.byteLength(paths[index]!)).toBeLessThanOrEqual(1024);
          for (const segment of paths[index]!.split('/')) {
            expect(Buffer.byteLength(segment)).toBeLessThanOrEqual(255);
          }
        }
        expect(assignPaths(names)).toEqual(paths);
      }),
      { numRuns: 500 },
    );
  });

  it('never leave the directory, even those that the schema refuses', () => {
    fc.assert(
      fc.property(anyName, (text) => {
        let path: string;
        try {
          path = pathInside('/srv/in', safeRelativePath(text));
        } catch {
          return; // refused
        }
        const way = relative('/srv/in', resolve(path));
        expect(way === '..' || way.startsWith(`..${sep}`) || way === '').toBe(false);
      }),
      { numRuns: 2000 },
    );
  });
});

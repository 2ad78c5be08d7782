import { describe, expect, it } from 'vitest';
import { resolveUploadPolicy, type UploadPolicy } from '../../../producers/upload-service/policy.ts';
import { openRequestSchema } from '../../../producers/upload-service/schema.ts';
import { methodFor, refusalOf } from '../../../web/upload/checks.ts';
import type { TypeRule } from '../../../web/upload/service.ts';

const POLICY: UploadPolicy = {
  types: {
    image: { mediaTypes: ['image/*'], maxSizeBytes: 100 },
    any: { mediaTypes: ['*'], maxSizeBytes: 100, namePattern: '[a-z/]+\\.txt' },
    pdf: { mediaTypes: ['application/pdf', 'IMAGE/SVG+XML'], maxSizeBytes: 1000 },
  },
};
const policy = resolveUploadPolicy(POLICY);
const rules = policy.types as Readonly<Record<string, TypeRule>>;

describe('what the page refuses before a byte is sent', () => {
  const files = [
    'image/png',
    'IMAGE/JPEG; x=y',
    'image/svg+xml',
    'text/html',
    'application/pdf',
    'video/mp4',
  ].flatMap((mediaType) =>
    [0, 100, 101, 1000, 1001].flatMap((size) =>
      ['a.txt', 'a/b.txt', 'A.txt', 'a.txt.exe'].map((name) => ({ mediaType, size, name })),
    ),
  );

  it.each(Object.keys(POLICY.types))('is what the service refuses, for type "%s"', (type) => {
    for (const file of files) {
      const check = (): void => policy.check(openRequestSchema.parse({ ...file, type }));
      const rule = rules[type];
      const said = rule === undefined ? undefined : refusalOf(file, type, rule);
      if (said === undefined) expect(check, JSON.stringify(file)).not.toThrow();
      else expect(check, JSON.stringify(file)).toThrow(/takes|taken|at most|the most/);
    }
  });

  it('says what the file is and what is taken', () => {
    const image = rules['image']!;
    expect(refusalOf({ name: 'x', mediaType: 'text/plain', size: 1 }, 'image', image)).toBe(
      'It is text/plain; “image” takes images.',
    );
    expect(refusalOf({ name: 'x', mediaType: 'image/png', size: 2048 }, 'image', image)).toBe(
      'It has 2 KiB; “image” takes at most 100 bytes.',
    );
  });
});

describe('how a file goes out', () => {
  const ALL = ['put', 'post', 'multipart'] as const;
  it.each([
    [1, undefined, ALL, 'put'],
    [16 * 1024 ** 2, undefined, ALL, 'put'],
    [16 * 1024 ** 2 + 1, undefined, ALL, 'multipart'],
    [1, 'multipart', ALL, 'multipart'],
    [0, 'multipart', ALL, 'put'],
    [0, 'post', ALL, 'post'],
    [1, 'post', ALL, 'post'],
    [6 * 1024 ** 3, 'post', ALL, 'multipart'],
    [1, 'multipart', ['put'], 'put'],
    [1, undefined, ['multipart'], 'multipart'],
    [2 ** 30, undefined, ['post'], 'post'],
  ] as const)('%d bytes, asked for %s of %s: %s', (size, wish, allowed, method) => {
    expect(methodFor(size, wish, allowed)).toBe(method);
  });
});

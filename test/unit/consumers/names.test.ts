import { describe, expect, it } from 'vitest';
import { assignPaths, safeRelativePath } from '../../../consumers/names.ts';
import { EventParseError } from '../../../shared/errors.ts';

describe('safeRelativePath', () => {
  it.each([
    ['report.pdf', 'report.pdf'],
    ['2026/11/report.pdf', '2026/11/report.pdf'],
    ['cafe\u0301.txt', 'caf\u00e9.txt'],
    ['a<b>c:d"e|f?g*h.txt', 'a_b_c_d_e_f_g_h.txt'],
    ['back\\slash.txt', 'back_slash.txt'],
    ['tab\tnewline\n.txt', 'tab_newline_.txt'],
    ['photo\u202egpj.exe', 'photo_gpj.exe'],
    ['trailing. . .', 'trailing'],
    ['dir. /file ', 'dir/file'],
    ['   ', '_'],
    ['CON', '_CON'],
    ['nul.txt', '_nul.txt'],
    ['com1.tar.gz', '_com1.tar.gz'],
    ['console.txt', 'console.txt'],
    ['-rf', '_rf'],
    ['...', '_'],
    ['.hidden', '.hidden'],
  ])('turns %j into %j', (name, expected) => {
    expect(safeRelativePath(name)).toBe(expected);
  });

  it.each([
    '',
    '/etc/passwd',
    '../../etc/passwd',
    'a/../b',
    'a/./b',
    'a//b',
    'a/',
    '\\share',
    'C:/x',
    'a\\..\\b',
    'a\0b',
  ])('refuses %j', (name) => {
    expect(() => safeRelativePath(name)).toThrow(EventParseError);
  });

  it('cuts a long segment on a character boundary and keeps its extension', () => {
    const path = safeRelativePath(`${'é'.repeat(300)}.pdf`);
    expect(Buffer.byteLength(path)).toBeLessThanOrEqual(255);
    expect(path).toMatch(/^é+\.pdf$/);
  });

  it('joins what is deeper than 32 segments', () => {
    const path = safeRelativePath(Array.from({ length: 40 }, (_, index) => `d${index}`).join('/'));
    expect(path.split('/')).toHaveLength(32);
    expect(path.endsWith('d31_d32_d33_d34_d35_d36_d37_d38_d39')).toBe(true);
  });
});

describe('assignPaths', () => {
  it('numbers duplicates, and names equal but for case or Unicode form', () => {
    expect(assignPaths(['a.txt', 'a.txt', 'A.TXT', 'caf\u00e9', 'cafe\u0301'])).toEqual([
      'a.txt',
      'a (2).txt',
      'A (3).TXT',
      'caf\u00e9',
      'caf\u00e9 (2)',
    ]);
  });

  it('numbers a file whose name is a directory of another, in either order', () => {
    expect(assignPaths(['a', 'a/b'])).toEqual(['a (2)', 'a/b']);
    expect(assignPaths(['a/b', 'A'])).toEqual(['a/b', 'A (2)']);
  });

  it('makes one directory of two that differ in case', () => {
    expect(assignPaths(['Docs/a', 'docs/b', 'DOCS/a'])).toEqual(['Docs/a', 'Docs/b', 'Docs/a (2)']);
  });

  it('passes over a number that is taken by another name', () => {
    expect(assignPaths(['a', 'a (2)', 'a'])).toEqual(['a', 'a (2)', 'a (3)']);
  });

  it('tells 10,000 equal names apart quickly', () => {
    expect(new Set(assignPaths(Array.from({ length: 10_000 }, () => 'same.bin'))).size).toBe(10_000);
  });

  it('tells names apart that differ in invisible characters only', () => {
    expect(assignPaths(['ab', 'a\u200bb'])).toEqual(['ab', 'a\u200bb (2)']);
  });
});

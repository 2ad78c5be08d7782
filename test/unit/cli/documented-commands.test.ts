import { readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';

const root = fileURLToPath(new URL('../../..', import.meta.url));
const PAGES = ['README.md', ...readdirSync(`${root}/docs`).map((name) => `docs/${name}`)].filter((path) =>
  path.endsWith('.md'),
);

const COMMANDS: ReadonlySet<string> = new Set(
  readdirSync(`${root}/cli/commands`).map((name) => name.replace(/\.ts$/, '')),
);
const WITH_COMMANDS: ReadonlySet<string> = new Set(['dlq', 'presign']);

/** Every `waybill …` of a page: in shell blocks, continued lines joined, and in running text. */
function commandsIn(text: string): readonly string[] {
  const blocks = [...text.matchAll(/^```(?:sh|bash)\n(.*?)^```/gms)].map(([, block = '']) => block);
  const lines = blocks.flatMap((block) => block.replaceAll(/\\\n\s*/g, ' ').split('\n'));
  const prose = text.replaceAll(/^```.*?^```/gms, '');
  const inline = [...prose.matchAll(/`(waybill [^`]+)`/g)].map(([, code = '']) => code);
  return [...lines, ...inline].flatMap(
    (line) =>
      /(?:^|[\s"(])(?:npm run )?waybill (?:-- )?([a-z].*)$/.exec(line.replace(/\s#\s.*$/, ''))?.[1] ?? [],
  );
}

/** The words and flags that a command's source declares, with those of the files that it takes options from. */
function declaredBy(name: string): { readonly flags: ReadonlySet<string>; readonly text: string } {
  const own = readFileSync(`${root}/cli/commands/${name}.ts`, 'utf8');
  const imported = [...own.matchAll(/from '\.\.\/([\w-]+)\.ts'/g)].map(([, file = '']) => file);
  const sources = [
    own,
    ...[...imported, 'command'].map((file) => readFileSync(`${root}/cli/${file}.ts`, 'utf8')),
  ];
  const declarations = sources.flatMap((text) => [
    ...text.matchAll(/[oO]ption\(\s*['"](?:-\w, )?(--[a-z][a-z-]*)/g),
  ]);
  return { flags: new Set(declarations.map(([, flag = '']) => flag)), text: own };
}

/** What is wrong with a command line: nothing, or the word that the program does not know. */
function mistakeIn(line: string): string | undefined {
  const [name = '', ...words] = line.split(/\s+/);
  if (!COMMANDS.has(name)) return name;
  const { flags, text } = declaredBy(name);
  const [inner = ''] = words;
  // `dlq list`, `presign put`: commands with commands of their own
  if (WITH_COMMANDS.has(name) && !text.includes(`'${inner}'`)) return inner;
  for (const word of words) {
    if (/^[|;&>]/.test(word)) break;
    const flag = /^--[a-z][a-z-]*/.exec(word)?.[0];
    if (flag !== undefined && flag !== '--help' && !flags.has(flag)) return flag;
  }
  return undefined;
}

describe('the commands that the documentation shows', () => {
  const shown = PAGES.flatMap((page) =>
    commandsIn(readFileSync(`${root}/${page}`, 'utf8')).map((line) => [page, line] as const),
  );

  it('are found: on the pages that live by them', () => {
    const pages = new Set(shown.map(([page]) => page));
    for (const page of ['README.md', 'docs/deploy.md', 'docs/operations.md', 'docs/replay.md'])
      expect(pages, page).toContain(page);
    expect(shown.length).toBeGreaterThan(40);
  });

  it('exist, with the flags shown', () => {
    const wrong = shown.flatMap(([page, line]) => {
      const mistake = mistakeIn(line);
      return mistake === undefined ? [] : [`${page}: waybill ${line}: ${mistake}`];
    });
    expect(wrong).toEqual([]);
  });

  it.each([
    ['publish a.pdf --type x --sauce y', '--sauce'],
    ['dlq move --from 3h', 'move'],
    ['dlq list --from 3h', '--from'],
    ['polish a.pdf', 'polish'],
    ['replay --from 24h --dry-run | tee x', undefined],
  ])('would be missed if they did not: %s', (line, mistake) => {
    expect(mistakeIn(line)).toBe(mistake);
  });
});

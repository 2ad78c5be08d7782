import { basename } from 'node:path';
import { BaseSequencer, type TestSpecification } from 'vitest/node';

/** Files of the e2e project that take longest, and that would run alone if they came last. */
const LONGEST = [
  'local-kill.test.ts',
  'kill.test.ts',
  'large.test.ts',
  'replay.test.ts',
  'publish-kill.test.ts',
  'cli.test.ts',
  'local-large.test.ts',
];

/** Vitest's order, with the longest files first; what it has not run before it would order by size. */
export class LongestFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const rank = ({ project, moduleId }: TestSpecification): number => {
      const place = project.name === 'e2e' ? LONGEST.indexOf(basename(moduleId)) : -1;
      return place === -1 ? LONGEST.length : place;
    };
    return (await super.sort(files)).sort((a, b) => rank(a) - rank(b));
  }
}

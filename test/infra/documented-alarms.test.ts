import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { synthEverything } from './everything.ts';
import { TOPOLOGY } from './synth.ts';

/** Names as the page has them: without the exchange's, and `<consumer>` for each consumer's. */
const inTemplate = Object.values(synthEverything().json.Resources)
  .filter(({ Type }) => Type === 'AWS::CloudWatch::Alarm')
  .map(({ Properties }) => String(Properties.AlarmName).replace(`${TOPOLOGY.name}-`, ''))
  .map((name) => {
    const consumer = TOPOLOGY.consumers.find((each) => name.startsWith(`${each.name}-`));
    return consumer === undefined ? name : name.replace(consumer.name, '<consumer>');
  });

it('docs/operations.md has a line for each alarm, which says what it means and what to do, and for no other', () => {
  const page = readFileSync(new URL('../../docs/operations.md', import.meta.url), 'utf8');
  const [, table = ''] = /^## Alarms$(.*?)^## /ms.exec(page) ?? [];
  const rows = [...table.matchAll(/^\| `([^`]+)`\s*\| (.+?) \| (.+?) \|$/gm)];
  expect(new Set(rows.map(([, name]) => name))).toEqual(new Set(inTemplate));
  expect(rows).toHaveLength(new Set(inTemplate).size);
  for (const [, name, means, act] of rows) {
    expect(means?.trim().length, name).toBeGreaterThan(20);
    expect(act?.trim().length, name).toBeGreaterThan(15);
  }
});

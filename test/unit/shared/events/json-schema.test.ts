import { readFileSync } from 'node:fs';
import { Ajv2020 } from 'ajv/dist/2020.js';
import addFormats from 'ajv-formats';
import { describe, expect, it } from 'vitest';
import { jsonSchemas } from '../../../../shared/events/json-schema.ts';

const read = (path: string): string => readFileSync(new URL(`../../../../${path}`, import.meta.url), 'utf8');

describe('docs/schema', () => {
  it.each(Object.entries(jsonSchemas()))('%s is fresh (else: npm run schema)', (name, schema) => {
    expect(JSON.parse(read(`docs/schema/${name}`))).toEqual(JSON.parse(JSON.stringify(schema)));
  });

  it('accepts the golden events and refuses what the zod schema refuses', () => {
    const ajv = new Ajv2020({ strict: false });
    addFormats.default(ajv);
    const validate = ajv.compile(JSON.parse(read('docs/schema/event.schema.json')));
    for (const name of ['minimal.json', 'full.json']) {
      expect(
        validate(JSON.parse(read(`test/fixtures/events/${name}`))),
        JSON.stringify(validate.errors),
      ).toBe(true);
    }
    const bad = JSON.parse(read('test/fixtures/events/full.json'));
    bad.data.attachments[0].size = -1;
    expect(validate(bad)).toBe(false);
  });
});

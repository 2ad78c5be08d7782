// Writes the JSON Schemas beside this file: `npm run schema`. A test fails when they are out of date.
import { writeFileSync } from 'node:fs';
import { jsonSchemas } from '../../shared/events/json-schema.ts';

for (const [name, schema] of Object.entries(jsonSchemas())) {
  writeFileSync(new URL(name, import.meta.url), `${JSON.stringify(schema, null, 2)}\n`);
  process.stdout.write(`docs/schema/${name}\n`);
}

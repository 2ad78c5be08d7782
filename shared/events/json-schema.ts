import { z } from 'zod';
import { eventSchema, manifestSchema } from './schema.ts';

/**
 * JSON Schemas (draft 2020-12) of the wire forms, by file name, for consumers in other languages. They describe
 * the input side: what stands on the wire, before defaults are filled in and secrets are wrapped.
 */
export function jsonSchemas(): Readonly<Record<string, object>> {
  return {
    'event.schema.json': {
      title: 'Waybill event, the Detail of an EventBridge event',
      ...generate(eventSchema),
    },
    'manifest.schema.json': { title: 'Waybill manifest object', ...generate(manifestSchema) },
  };
}

function generate(schema: z.ZodType): object {
  return z.toJSONSchema(schema, { io: 'input', target: 'draft-2020-12' });
}

import { z } from 'zod';
import {
  fileListSchema,
  fileUrlSchema,
  linkRequestSchema,
  linkSchema,
  openedSchema,
  openRequestSchema,
  partListSchema,
  problemSchema,
  signedPartsSchema,
  signPartsRequestSchema,
  statusSchema,
} from './schema.ts';

const NAMED = {
  OpenUpload: openRequestSchema,
  OpenedUpload: openedSchema,
  SignParts: signPartsRequestSchema,
  SignedParts: signedPartsSchema,
  PartList: partListSchema,
  UploadStatus: statusSchema,
  FileList: fileListSchema,
  FileUrl: fileUrlSchema,
  NewLink: linkRequestSchema,
  Link: linkSchema,
  Problem: problemSchema,
} as const;
type Name = keyof typeof NAMED;

/** The schemas of requests and answers as JSON Schema 2020-12, each once, by name. */
function components(): Record<string, object> {
  const registry = z.registry<{ id: string }>();
  for (const [id, schema] of Object.entries(NAMED)) registry.add(schema, { id });
  const { schemas } = z.toJSONSchema(registry, {
    io: 'input',
    uri: (id) => `#/components/schemas/${id}`,
  });
  return Object.fromEntries(
    Object.entries(schemas).map(([name, { $id: _id, $schema: _schema, id: _own, ...schema }]) => [
      name,
      schema,
    ]),
  );
}

const ref = (name: Name) => ({
  content: { 'application/json': { schema: { $ref: `#/components/schemas/${name}` } } },
});
const answer = (description: string, name?: Name) => ({
  description,
  ...(name === undefined ? {} : ref(name)),
});
const PROBLEM = {
  description: 'Refused; `detail` is one sentence for a person.',
  content: { 'application/problem+json': { schema: { $ref: '#/components/schemas/Problem' } } },
};
const ID = { name: 'id', in: 'path', required: true, schema: { type: 'string' } };

interface Operation {
  readonly summary: string;
  readonly body?: Name;
  readonly ok: readonly [status: string, description: string, name?: Name];
  readonly query?: readonly object[];
  /** Needs no identity. */
  readonly open?: true;
}

const PATHS: Readonly<Record<string, Readonly<Record<string, Operation>>>> = {
  '/uploads': {
    post: { summary: 'Open an upload', body: 'OpenUpload', ok: ['201', 'Open', 'OpenedUpload'] },
  },
  '/uploads/{id}': {
    get: { summary: 'What became of an upload', ok: ['200', 'Its state', 'UploadStatus'] },
    delete: { summary: 'Take an upload back', ok: ['200', 'Aborted', 'UploadStatus'] },
  },
  '/uploads/{id}/parts': {
    get: { summary: 'Parts that are there: where to resume', ok: ['200', 'Parts', 'PartList'] },
    post: {
      summary: 'Sign parts, just before they are sent',
      body: 'SignParts',
      ok: ['200', 'Signed', 'SignedParts'],
    },
  },
  '/uploads/{id}/complete': {
    post: { summary: 'Complete a multipart upload', ok: ['200', 'Complete', 'UploadStatus'] },
  },
  '/files': {
    get: {
      summary: "The caller's uploads, newest first",
      query: [{ name: 'after', in: 'query', required: false, schema: { type: 'string' } }],
      ok: ['200', 'A page of them', 'FileList'],
    },
  },
  '/files/{id}/url': { post: { summary: 'A fresh URL of a file', ok: ['200', 'The URL', 'FileUrl'] } },
  '/files/{id}/links': {
    post: { summary: 'Make a link for people', body: 'NewLink', ok: ['201', 'The link', 'Link'] },
  },
  '/links/{id}': { delete: { summary: 'Take a link back', ok: ['204', 'It gives nothing any more'] } },
  '/d/{id}': {
    get: { summary: 'The page of a link; uses nothing', open: true, ok: ['200', 'A page (HTML)'] },
    post: { summary: 'Use a link once', open: true, ok: ['303', 'To a fresh URL'] },
  },
};

/** The service's description for other languages and tools. @see https://spec.openapis.org/oas/v3.1.0 */
export function openApiDocument(publicUrl: string): object {
  const paths = Object.entries(PATHS).map(([path, operations]) => [
    path,
    {
      ...(path.includes('{id}') ? { parameters: [ID] } : {}),
      ...Object.fromEntries(
        Object.entries(operations).map(([method, { summary, body, ok, query, open }]) => [
          method,
          {
            summary,
            operationId: `${method}${path.replaceAll(/[{}]/g, '').replaceAll(/\/(\w)/g, (_, first: string) => first.toUpperCase())}`,
            ...(query === undefined ? {} : { parameters: query }),
            ...(body === undefined ? {} : { requestBody: { required: body !== 'NewLink', ...ref(body) } }),
            ...(open === true ? { security: [] } : {}),
            responses: { [ok[0]]: answer(ok[1], ok[2]), default: PROBLEM },
          },
        ]),
      ),
    },
  ]);
  return {
    openapi: '3.1.0',
    info: {
      title: 'Waybill upload service',
      version: '1',
      description: 'Opens uploads for browsers and partners; each that is accepted becomes one event.',
    },
    servers: [{ url: publicUrl }],
    security: [{ bearer: [] }],
    paths: Object.fromEntries(paths),
    components: {
      schemas: components(),
      securitySchemes: { bearer: { type: 'http', scheme: 'bearer', bearerFormat: 'JWT' } },
    },
  };
}

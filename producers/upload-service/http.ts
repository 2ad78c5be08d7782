import type { z } from 'zod';
import { isWaybillError } from '../../shared/errors.ts';
import { redactingLogger, silentLogger, type Logger } from '../../shared/logger.ts';
import type { Authenticate, UploadIdentity } from './authenticate.ts';
import type { UploadService } from './core.ts';
import { corsHeaders, isPreflight, preflight } from './cors.ts';
import type { UploadedFiles } from './files.ts';
import { downloadPage, pageHeaders, refusalPage } from './link-page.ts';
import type { FileLinks } from './links.ts';
import { openApiDocument } from './openapi.ts';
import { UploadProblem } from './problem.ts';
import { linkRequestSchema, openRequestSchema, signPartsRequestSchema, type OpenRequest } from './schema.ts';

/** Largest request body, in bytes (256 KiB): an event's fields, or a hundred parts to sign. */
export const MAX_UPLOAD_REQUEST_BYTES = 256 * 1024;

/** A request, whatever brought it. */
export interface UploadRequest {
  readonly method: string;
  /** Path without query, as it came. */
  readonly path: string;
  /** Query without `?`. */
  readonly query: string;
  /** Names in small letters. */
  readonly headers: Readonly<Record<string, string | undefined>>;
  readonly body: Uint8Array;
  /** Who a platform says it is (the ARN behind IAM), for authenticators that trust it. */
  readonly principal?: string | undefined;
}

/** A response, whatever takes it away. Bodies and `location` hold presigned URLs: do not log them. */
export interface UploadResponse {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

export interface UploadHttpOptions {
  readonly service: UploadService;
  readonly files: UploadedFiles;
  readonly links: FileLinks;
  readonly authenticate: Authenticate;
  /** Whether an owner may upload this. @default - whoever is known may upload what the policy takes */
  readonly authorise?: (identity: UploadIdentity, request: OpenRequest) => boolean | Promise<boolean>;
  /** Origins whose pages may call, such as `https://app.example.com`; the bucket's CORS rules take the same list. @default [] */
  readonly origins?: readonly string[];
  /** Where links lead, an absolute URL without a `/` at its end. */
  readonly publicUrl: string;
  /** @default silentLogger */
  readonly logger?: Logger;
}

interface Call {
  readonly request: UploadRequest;
  /** What stands in the path for each `:name`, decoded. */
  readonly id: string;
}

type Open = (call: Call) => Promise<UploadResponse> | UploadResponse;
type Owned = (call: Call, identity: UploadIdentity) => Promise<UploadResponse>;
type Route = { readonly method: string; readonly path: RegExp } & (
  | { readonly open: Open }
  | { readonly owned: Owned }
);

/** Answers requests of browsers and partners. Mistakes are problem details; it never throws. */
export function createUploadHttp(
  options: UploadHttpOptions,
): (request: UploadRequest) => Promise<UploadResponse> {
  const { service, files, links, authenticate, origins = [], publicUrl } = options;
  const { authorise = () => true } = options;
  const logger = redactingLogger(options.logger ?? silentLogger);
  const pages = pageHeaders(service.store.origins);

  const routes: readonly Route[] = [
    {
      method: 'POST',
      path: /^\/uploads$/,
      owned: async ({ request }, identity) => {
        const wanted = parse(openRequestSchema, request);
        if (!(await authorise(identity, wanted)))
          throw new UploadProblem('forbidden', `You may not upload files of type "${wanted.type}".`);
        const opened = await service.open(identity.owner, wanted);
        return json(201, opened, { location: `/uploads/${opened.uploadId}` });
      },
    },
    {
      method: 'GET',
      path: /^\/uploads\/([^/]+)$/,
      owned: async ({ id }, { owner }) => json(200, await service.status(owner, id)),
    },
    {
      method: 'DELETE',
      path: /^\/uploads\/([^/]+)$/,
      owned: async ({ id }, { owner }) => json(200, await service.abort(owner, id)),
    },
    {
      method: 'POST',
      path: /^\/uploads\/([^/]+)\/parts$/,
      owned: async ({ id, request }, { owner }) =>
        json(200, { parts: await service.signParts(owner, id, parse(signPartsRequestSchema, request)) }),
    },
    {
      method: 'GET',
      path: /^\/uploads\/([^/]+)\/parts$/,
      owned: async ({ id }, { owner }) => json(200, await service.listParts(owner, id)),
    },
    {
      method: 'POST',
      path: /^\/uploads\/([^/]+)\/complete$/,
      owned: async ({ id }, { owner }) => json(200, await service.complete(owner, id)),
    },
    {
      method: 'GET',
      path: /^\/files$/,
      owned: async ({ request }, { owner }) => {
        const after = new URLSearchParams(request.query).get('after') ?? undefined;
        return json(200, await files.list(owner, after));
      },
    },
    {
      method: 'POST',
      path: /^\/files\/([^/]+)\/url$/,
      owned: async ({ id }, { owner }) => json(200, await files.url(owner, id)),
    },
    {
      method: 'POST',
      path: /^\/files\/([^/]+)\/links$/,
      owned: async ({ id, request }, { owner }) => {
        const wanted = parse(linkRequestSchema, request, {});
        const { secret, ...made } = await links.create(owner, id, wanted);
        return json(201, { ...made, url: `${publicUrl}/d/${secret}` });
      },
    },
    {
      method: 'DELETE',
      path: /^\/links\/([^/]+)$/,
      owned: async ({ id }, { owner }) => {
        await links.revoke(owner, id);
        return { status: 204, headers: NO_STORE, body: '' };
      },
    },
    {
      method: 'GET',
      path: /^\/d\/([\w-]+)$/,
      open: async ({ id }) => ({ status: 200, headers: pages, body: downloadPage(await links.preview(id)) }),
    },
    {
      method: 'POST',
      path: /^\/d\/([\w-]+)$/,
      open: async ({ id }) => {
        const { url } = await links.redeem(id);
        return { status: 303, headers: { ...pages, location: url }, body: '' };
      },
    },
    { method: 'GET', path: /^\/types$/, open: () => json(200, { types: service.types }) },
    { method: 'GET', path: /^\/openapi\.json$/, open: () => json(200, openApiDocument(publicUrl)) },
    { method: 'GET', path: /^\/healthz$/, open: () => json(200, { status: 'ok' }) },
  ];

  const dispatch = async (request: UploadRequest): Promise<UploadResponse> => {
    const here = routes.filter(({ path }) => path.test(request.path));
    const [first] = here;
    if (first === undefined) throw new UploadProblem('not-found', 'There is nothing at this path.');
    const method = request.method === 'HEAD' ? 'GET' : request.method;
    const route = here.find((each) => each.method === method);
    if (route === undefined) {
      const allow = here.map((each) => each.method).join(', ');
      const refused = refuse(new UploadProblem('method-not-allowed', `This path takes ${allow}.`));
      return { ...refused, headers: { ...refused.headers, allow } };
    }
    if (request.body.byteLength > MAX_UPLOAD_REQUEST_BYTES) throw tooLong();
    const call = { request, id: decoded(route.path.exec(request.path)?.[1] ?? '') };
    if ('open' in route) return await route.open(call);
    const identity = await authenticate(request);
    if (identity === undefined)
      throw new UploadProblem('unauthenticated', 'Say who you are: Authorization: Bearer …');
    return await route.owned(call, identity);
  };

  const answer = async (request: UploadRequest): Promise<UploadResponse> => {
    try {
      return await dispatch(request);
    } catch (error) {
      const problem = toProblem(error);
      if (problem.status >= 500) logger.error({ error, method: request.method }, 'upload request failed');
      else logger.info({ problem: problem.problem, method: request.method }, 'upload request refused');
      return request.path.startsWith('/d/')
        ? { status: problem.status, headers: pages, body: refusalPage(titleOf(problem), problem.message) }
        : refuse(problem);
    }
  };

  return async (request) => {
    if (isPreflight(request)) return preflight(request, origins);
    const response = await answer(request);
    return { ...response, headers: { ...response.headers, ...corsHeaders(request, origins) } };
  };
}

const NO_STORE = { 'cache-control': 'no-store', 'x-content-type-options': 'nosniff' } as const;

function json(status: number, body: object, headers: Readonly<Record<string, string>> = {}): UploadResponse {
  return {
    status,
    headers: { 'content-type': 'application/json', ...NO_STORE, ...headers },
    body: JSON.stringify(body),
  };
}

/** The answer to a request that is refused. */
export function refuse(problem: UploadProblem): UploadResponse {
  const challenge = problem.status === 401 ? { 'www-authenticate': 'Bearer' } : {};
  return json(problem.status, problem.toDetails(), {
    'content-type': 'application/problem+json',
    ...challenge,
  });
}

/** The refusal of a body over `MAX_UPLOAD_REQUEST_BYTES`. */
export function tooLong(): UploadProblem {
  return new UploadProblem('too-large', `The request has more than ${MAX_UPLOAD_REQUEST_BYTES} bytes.`);
}

function titleOf(problem: UploadProblem): string {
  return String(problem.toDetails()['title']);
}

/** What is not a refusal is S3, the control bucket or the identity provider not answering, or a bug. */
function toProblem(error: unknown): UploadProblem {
  if (error instanceof UploadProblem) return error;
  const shared = isWaybillError(error) || (error as { $metadata?: unknown }).$metadata !== undefined;
  return shared
    ? new UploadProblem('unavailable', 'The store cannot be asked now; try again later.')
    : new UploadProblem('internal', 'The service failed; try again later.');
}

function parse<S extends z.ZodType>(schema: S, { body }: UploadRequest, empty?: object): z.output<S> {
  const result = schema.safeParse(body.byteLength === 0 && empty !== undefined ? empty : parseJson(body));
  if (result.success) return result.data;
  const [issue] = result.error.issues;
  const field = issue?.path.map(String).join('.') ?? '';
  throw new UploadProblem('bad-request', `${field || 'body'}: ${issue?.message ?? 'invalid'}.`, { field });
}

function parseJson(body: Uint8Array): unknown {
  try {
    return JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(body));
  } catch {
    throw new UploadProblem('bad-request', 'body: expected JSON in UTF-8.', { field: '' });
  }
}

function decoded(segment: string): string {
  try {
    return decodeURIComponent(segment);
  } catch {
    return '';
  }
}

import { WaybillError } from '../../shared/errors.ts';

/** What can be wrong with a request to the upload service; the last part of a problem's `type`. */
export type ProblemCode =
  | 'bad-request'
  | 'unauthenticated'
  | 'forbidden'
  | 'not-found'
  | 'method-not-allowed'
  | 'conflict'
  | 'gone'
  | 'too-large'
  | 'media-type'
  | 'name'
  | 'type'
  | 'quota'
  | 'parts-missing'
  | 'unavailable'
  | 'internal';

const STATUS = {
  'bad-request': 400,
  unauthenticated: 401,
  forbidden: 403,
  'not-found': 404,
  'method-not-allowed': 405,
  conflict: 409,
  gone: 410,
  'too-large': 413,
  'media-type': 415,
  name: 422,
  type: 422,
  quota: 429,
  'parts-missing': 409,
  unavailable: 503,
  internal: 500,
} as const satisfies Record<ProblemCode, number>;

const TITLE = {
  'bad-request': 'The request is malformed',
  unauthenticated: 'Who are you?',
  forbidden: 'Not allowed',
  'not-found': 'Not found',
  'method-not-allowed': 'Method not allowed',
  conflict: 'Not possible in this state',
  gone: 'Gone',
  'too-large': 'The file is too large',
  'media-type': 'This kind of file is not taken',
  name: 'This file name is not taken',
  type: 'This type of upload is not known',
  quota: 'Too many uploads at once',
  'parts-missing': 'Parts are missing',
  unavailable: 'Not available now',
  internal: 'The service failed',
} as const satisfies Record<ProblemCode, string>;

/** A refusal with words that a person can be shown; becomes problem details. */
export class UploadProblem extends WaybillError {
  readonly code = 'upload-problem';
  readonly disposition = 'reject';
  readonly problem: ProblemCode;
  readonly status: number;
  /** Further members of the problem details. */
  readonly extra: Readonly<Record<string, unknown>>;

  /** @param detail one sentence for the person who uploads; names field, value and what was expected */
  constructor(problem: ProblemCode, detail: string, extra: Readonly<Record<string, unknown>> = {}) {
    super(detail);
    this.problem = problem;
    this.status = STATUS[problem];
    this.extra = extra;
  }

  /** @see https://www.rfc-editor.org/rfc/rfc9457#section-3 */
  toDetails(): Readonly<Record<string, unknown>> {
    return {
      type: `urn:waybill:problem:${this.problem}`,
      title: TITLE[this.problem],
      status: this.status,
      detail: this.message,
      ...this.extra,
    };
  }
}

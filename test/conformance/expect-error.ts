import { S3ServiceException } from '@aws-sdk/client-s3';
import { expect } from 'vitest';
import type { Reply } from './wire/send.ts';

/** Expects an SDK call to be refused with this status and, if given, this code. */
export async function refused(
  call: Promise<unknown>,
  status: number,
  code?: string,
): Promise<S3ServiceException> {
  const error = await call.then(
    () => expect.fail(`succeeded, expected ${status} ${code ?? ''}`),
    (reason: unknown) => reason,
  );
  if (!(error instanceof S3ServiceException)) throw error;
  expect({
    status: error.$metadata.httpStatusCode,
    ...(code === undefined ? {} : { code: error.name }),
  }).toEqual({
    status,
    ...(code === undefined ? {} : { code }),
  });
  return error;
}

/** Expects an answer to be an error document of this status and code. */
export function refusal(reply: Reply, status: number, code: string): Reply {
  expect({ status: reply.status, code: reply.xml('Code') }).toEqual({ status, code });
  return reply;
}

/** Expects a case of the list of differences not to pass, so that the list stays true. */
export async function expectFailure(check: () => Promise<void>): Promise<void> {
  const passed = await check().then(
    () => true,
    () => false,
  );
  expect(passed, 'passes now: take it off the list of expected differences').toBe(false);
}

import { redactText } from '../../shared/redact.ts';
import type { SharedFailure } from './circuit.ts';
import { isQueueMissing } from './queue.ts';

/** Why ReceiveMessage failed, in words that tell what to do. */
export interface QueueFailure extends SharedFailure {
  readonly code:
    | 'queue-credentials'
    | 'queue-refused'
    | 'queue-missing'
    | 'queue-clock'
    | 'queue-unreachable';
  /** True when trying again changes nothing unless somebody mends it. */
  readonly isLasting: boolean;
}

/** @see https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/CommonErrors.html */
const CREDENTIALS =
  /ExpiredToken|TokenRefreshRequired|InvalidClientTokenId|UnrecognizedClient|InvalidAccessKeyId|SignatureDoesNotMatch|InvalidSignature|MissingAuthenticationToken|IncompleteSignature|CredentialsProviderError|InvalidSecurity/i;
const CLOCK = /RequestTimeTooSkewed|RequestExpired|Signature (expired|not yet current)/i;
const REFUSED =
  /AccessDenied|AccessDeniedException|OptInRequired|NotAuthorized|Kms(Disabled|NotFound|AccessDenied|InvalidState|OptInRequired|InvalidKeyUsage)/i;

/** Says what is wrong with the queue, or with us in its eyes. */
export function queueFailure(error: unknown): QueueFailure {
  const name = error instanceof Error ? error.name : '';
  const text = redactText(error instanceof Error ? error.message : String(error));
  const said = `${name === '' || name === 'Error' ? '' : `${name}: `}${text}`;
  const lasting = (code: QueueFailure['code'], what: string): QueueFailure => ({
    code,
    reason: `${what} (${said})`,
    isLasting: true,
  });
  if (isQueueMissing(error)) return lasting('queue-missing', 'the queue does not exist');
  if (CLOCK.test(said))
    return lasting('queue-clock', "SQS refuses the signature's time: is the clock right?");
  if (CREDENTIALS.test(name)) {
    return lasting('queue-credentials', 'SQS does not accept our credentials: expired, revoked or wrong');
  }
  const status = (error as { $metadata?: { httpStatusCode?: number } } | null)?.$metadata?.httpStatusCode;
  if (REFUSED.test(name) || status === 403) {
    return lasting('queue-refused', 'SQS refuses ReceiveMessage: check the policies of role, queue and key');
  }
  return {
    code: 'queue-unreachable',
    reason: `SQS does not answer as it should (${said})`,
    isLasting: false,
  };
}

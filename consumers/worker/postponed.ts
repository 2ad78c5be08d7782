import { WaybillError } from '../../shared/errors.ts';

/** Why a message goes back although nothing is wrong with it or with us. */
export type PostponeCode = 'leased-elsewhere' | 'no-room';

/** A message has to wait for others, and is better given back than held. */
export class PostponedError extends WaybillError {
  readonly disposition = 'retry';
  readonly code: PostponeCode;
  /** Seconds until it shall come again, at least. */
  readonly delaySeconds: number;

  constructor(code: PostponeCode, message: string, delaySeconds: number) {
    super(message);
    this.code = code;
    this.delaySeconds = delaySeconds;
  }
}

import { show } from '../../shared/options.ts';
import { AwsError } from '../aws-error.ts';

/** The input of an action. */
export type Fields = Readonly<Record<string, unknown>>;

/** @throws {AwsError} MissingParameter if the field is no string, or empty. */
export function textField(input: Fields, field: string): string {
  const value = input[field];
  if (typeof value === 'string' && value !== '') return value;
  throw new AwsError('MissingParameter', `The request must contain the parameter ${field}.`);
}

/** @throws {AwsError} InvalidParameterValue if the field is there and no integer from `min` to `max`. */
export function integerField(input: Fields, field: string, min: number, max: number): number | undefined {
  const value = input[field];
  if (value === undefined || value === null) return undefined;
  if (typeof value === 'number' && Number.isInteger(value) && value >= min && value <= max) return value;
  throw new AwsError(
    'InvalidParameterValue',
    `Value ${show(value)} for parameter ${field} is invalid. Reason: Must be between ${min} and ${max}, if provided.`,
  );
}

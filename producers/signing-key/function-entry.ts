import { rotationFunction } from './function.ts';

/** What Secrets Manager calls. */
export const handler = rotationFunction(process.env);

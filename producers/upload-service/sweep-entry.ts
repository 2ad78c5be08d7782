import { uploadSweepFunction } from './functions.ts';

/** What Lambda calls. */
export const handler = uploadSweepFunction(process.env);

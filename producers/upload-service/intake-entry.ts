import { uploadIntakeFunction } from './functions.ts';

/** What Lambda calls. */
export const handler = uploadIntakeFunction(process.env);

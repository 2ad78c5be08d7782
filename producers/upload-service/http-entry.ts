import { uploadHttpFunction } from './functions.ts';

/** What Lambda calls. */
export const handler = uploadHttpFunction(process.env);

import { urlServiceFunction } from './function.ts';

/** What Lambda calls. */
export const handler = urlServiceFunction(process.env);

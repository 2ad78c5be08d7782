import { sweeperFunction } from './function.ts';

/** What Lambda calls. */
export const handler = sweeperFunction(process.env);

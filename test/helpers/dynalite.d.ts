declare module 'dynalite' {
  import type { Server } from 'node:http';

  /** A DynamoDB in memory that speaks its protocol over HTTP. */
  export default function dynalite(options?: { readonly createTableMs?: number }): Server;
}

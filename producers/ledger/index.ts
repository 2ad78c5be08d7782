export { LEDGER_FORMAT, type LedgerEntry, type NewLedgerEntry } from './entry.ts';
export { readLedger, type ReadLedgerOptions } from './read-ledger.ts';
export { createLedger, type Ledger } from './write-ledger.ts';

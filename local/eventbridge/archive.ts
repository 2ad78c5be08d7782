import type { EventMatcher } from './pattern.ts';

/** Keeps events of a bus, to be replayed. */
export interface Archive {
  readonly name: string;
  /** Name of its bus. */
  readonly bus: string;
  readonly description?: string;
  /** Which events are kept. @default - all */
  readonly eventPattern?: string;
  /** Days that events are kept; 0 keeps them for ever. */
  readonly retentionDays: number;
  readonly createdAtMs: number;
  readonly matches: EventMatcher;
}

/** Delivers archived events again. Instants are epoch milliseconds. */
export interface Replay {
  readonly name: string;
  readonly archive: string;
  readonly bus: string;
  readonly description?: string;
  /** ARNs of the rules that take part. @default - all rules of the bus */
  readonly filterArns?: readonly string[];
  /** First event time, included. */
  readonly fromMs: number;
  /** Last event time, excluded. */
  readonly toMs: number;
  readonly state: 'STARTING' | 'RUNNING' | 'CANCELLING' | 'COMPLETED' | 'CANCELLED' | 'FAILED';
  readonly stateReason?: string;
  readonly startedAtMs: number;
  readonly endedAtMs?: number;
  /** Time of the event that was delivered last. */
  readonly lastEventMs?: number;
}

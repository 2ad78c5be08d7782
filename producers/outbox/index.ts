export type { OutboxItem, OutboxStore } from './types.ts';

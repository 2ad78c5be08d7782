import { readFileSync } from 'node:fs';
import { App } from 'aws-cdk-lib';
import type { TopologyInput } from '../shared/topology.ts';
import type { ExchangeStackProps } from './exchange-props.ts';
import { ExchangeStack } from './exchange-stack.ts';

/**
 * The CDK app of one exchange, read from a file: `npx cdk deploy -c exchange=exchange.json`. The file holds the
 * topology, and what concerns AWS alone beside it.
 */
interface ExchangeFile extends Omit<ExchangeStackProps, 'topology' | 'encryptionKey'> {
  readonly topology: TopologyInput;
  /** Encrypt by a new customer-managed key. @default false */
  readonly customerManagedKey?: boolean;
}

const app = new App();
const path = String(app.node.tryGetContext('exchange') ?? 'exchange.json');
const { customerManagedKey = false, ...exchange } = JSON.parse(readFileSync(path, 'utf8')) as ExchangeFile;
new ExchangeStack(app, String(app.node.tryGetContext('stack') ?? 'Waybill'), {
  ...exchange,
  ...(customerManagedKey ? { encryptionKey: 'new' as const } : {}),
});

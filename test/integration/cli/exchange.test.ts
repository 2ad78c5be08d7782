import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { controlOf, readEnvironment } from '../../../cli/environment.ts';
import { startExchange, type LocalExchange } from '../../../cli/stack.ts';
import { silentLogger } from '../../../shared/logger.ts';
import { createRecords } from '../../../shared/records/index.ts';

describe('the exchange that waybill up starts', () => {
  let dir: string;
  let exchange: LocalExchange;
  beforeAll(async () => {
    dir = await mkdtemp(join(tmpdir(), 'waybill-exchange-'));
    exchange = await startExchange({ dir, logger: silentLogger });
  });
  afterAll(async () => {
    await exchange[Symbol.asyncDispose]();
    await rm(dir, { recursive: true });
  });

  it('has a control bucket, which WAYBILL_CONTROL names', async () => {
    const control = controlOf(readEnvironment(exchange.variables), undefined);
    const records = createRecords({ control, credentials: exchange.local.credentials });
    expect(await records.create('audit/1', 'x')).toMatchObject({ outcome: 'created' });
    expect(await records.get('audit/1')).toMatchObject({ body: 'x' });
    records.close();
  });
});

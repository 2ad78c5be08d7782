import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startLocal, type LocalStack } from '../../local/index.ts';
import { PublishError } from '../../producers/index.ts';
import { publisherFor } from '../integration/producers/harness.ts';
import { bundleOf } from './bundling.ts';

describe("the sweeper's function, bundled", () => {
  const bundle = bundleOf('producers/sweeper/function-entry');
  let stack: LocalStack;
  let handler: (event: unknown) => Promise<any>;
  beforeAll(async () => {
    stack = await startLocal({
      buckets: ['payloads', { name: 'control', versioning: false }],
      buses: ['waybill'],
      queues: [],
    });
    const { region, endpoint, credentials } = stack;
    const control = { bucket: 'control', region, endpoint };
    ({ handler } = bundle.load({
      AWS_ACCESS_KEY_ID: credentials.accessKeyId,
      AWS_SECRET_ACCESS_KEY: credentials.secretAccessKey,
      AWS_REGION: region,
      AWS_ENDPOINT_URL: endpoint,
      WAYBILL_LOG_LEVEL: 'silent',
      WAYBILL_STORES: JSON.stringify({ main: { bucket: 'payloads', region, endpoint } }),
      WAYBILL_CONTROL: JSON.stringify(control),
      WAYBILL_PRODUCERS: '["billing","scans"]',
      WAYBILL_OUTBOX_SECONDS: '0',
    }));
  });
  afterAll(async () => await stack.close());

  it('holds nothing twice, and little more than the SDK', () => {
    expect(bundle.sizeBytes).toBeLessThan(1_000_000);
    expect(bundle.packages.filter((path) => path.lastIndexOf('node_modules/') > 0)).toEqual([]);
  });

  it('publishes what a publisher left, fails while it cannot, and reports each producer', async () => {
    const heal = stack.faults.add({
      match: { operation: 'PutEvents' },
      times: Infinity,
      faults: { kind: 'status', status: 400, code: 'AccessDeniedException' },
    });
    const { region, endpoint } = stack;
    await using publisher = publisherFor(stack, { control: { bucket: 'control', region, endpoint } });
    await expect(publisher.publish({ type: 'note.added' })).rejects.toThrow(PublishError);
    await expect(handler({})).rejects.toThrow(/^1 events stay in the outbox; the first is /);
    heal();

    const [billing, scans] = await handler({});
    expect(billing).toMatchObject({ producer: 'billing', published: [{}], failed: [] });
    expect(scans).toMatchObject({ producer: 'scans', published: [], failed: [] });
    const sent = stack.spy.records('event').find(({ bus }) => bus === 'waybill');
    expect(sent?.detail()).toMatchObject({ id: billing.published[0].eventId, source: 'billing' });
    expect((await handler({}))[0]).toMatchObject({ published: [] });
  });
});

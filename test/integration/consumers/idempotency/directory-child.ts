import { directoryIdempotencyStore } from '../../../../consumers/idempotency/directory-store.ts';

// Works on records until it is killed; a dot for every write that was answered.
const [, , directory = '', keys = '[]'] = process.argv;
const store = directoryIdempotencyStore({ directory });

async function run(): Promise<void> {
  for (;;) {
    for (const key of JSON.parse(keys) as { consumer: string; source: string; id: string }[]) {
      const seen = await store.acquire(key, { leaseMs: 1_000 });
      process.stdout.write('.');
      if (seen.state !== 'acquired') continue;
      await seen.lease.renew();
      process.stdout.write('.');
      await seen.lease.release();
      process.stdout.write('.');
    }
  }
}

await run();

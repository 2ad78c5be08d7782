import pg from 'pg';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { HANDLED_EVENTS, once } from '../../examples/postgresql/once.ts';
import { hasPostgres, startPostgres, type Postgres } from '../helpers/postgres.ts';

const skipped = hasPostgres ? '' : ' (skipped: no /usr/lib/postgresql, apt-get install postgresql)';

describe.skipIf(!hasPostgres)(
  `an example: an effect in the transaction of its idempotency key${skipped}`,
  () => {
    let server: Postgres;
    let pool: pg.Pool;
    const connect = (): pg.Pool => {
      const opened = new pg.Pool({ ...server.connection, max: 10 });
      opened.on('error', () => {}); // idle connections die with the server that a test kills
      return opened;
    };
    beforeAll(async () => {
      server = await startPostgres();
      pool = connect();
      await pool.query(HANDLED_EVENTS);
      await pool.query('CREATE TABLE bookings (event text, amount integer)');
    }, 120_000);
    beforeEach(async () => void (await pool.query('TRUNCATE handled_events, bookings')));
    afterAll(async () => {
      await pool?.end();
      await server?.[Symbol.asyncDispose]();
    });

    const book =
      (key: string) =>
      async (client: pg.PoolClient): Promise<void> =>
        void (await client.query('INSERT INTO bookings VALUES ($1, 1)', [key]));
    const booked = async (): Promise<string[]> =>
      (await pool.query<{ event: string }>('SELECT event FROM bookings ORDER BY event')).rows.map(
        ({ event }) => event,
      );

    test('is made once, however often and however concurrently the event is delivered', async () => {
      const keys = Array.from({ length: 20 }, (_, index) => `billing/shop/${index}`).sort();
      const deliveries = Array.from({ length: 5 }, () => keys).flat();
      const made = await Promise.all(deliveries.map(async (key) => await once(pool, key, book(key))));
      expect(made.filter(Boolean)).toHaveLength(20);
      expect(await booked()).toEqual(keys);
    });

    test('is not made by a handler that fails after it, and then made by the next delivery', async () => {
      const failing = once(pool, 'a', async (client) => {
        await book('a')(client);
        throw new Error('the handler fails');
      });
      await expect(failing).rejects.toThrow('the handler fails');
      expect(await booked()).toEqual([]);
      expect(await once(pool, 'a', book('a'))).toBe(true);
      expect(await once(pool, 'a', book('a'))).toBe(false);
      expect(await booked()).toEqual(['a']);
    });

    test('is not made by a handler whose connection is cut', async () => {
      const cut = once(pool, 'a', async (client) => {
        await book('a')(client);
        const { rows } = await client.query<{ pid: number }>('SELECT pg_backend_pid() AS pid');
        const cutting = pool.query('SELECT pg_terminate_backend($1)', [rows[0]?.pid]);
        await Promise.all([client.query('SELECT pg_sleep(600)'), cutting]);
      });
      await expect(cut).rejects.toThrow('terminating connection');
      expect(await booked()).toEqual([]);
      expect(await once(pool, 'a', book('a'))).toBe(true);
    });

    test('survives kill -9 of the server exactly if it was committed', async () => {
      await once(pool, 'committed', book('committed'));
      let halfway = (): void => {};
      const reached = new Promise<void>((resolve) => (halfway = resolve));
      const open = once(pool, 'open', async (client) => {
        await book('open')(client);
        halfway();
        await client.query('SELECT pg_sleep(600)');
      });
      const failed = open.catch((error: Error) => error);
      await reached;
      await server.crash();
      expect(await failed).toBeInstanceOf(Error);
      await pool.end();
      pool = connect();
      expect(await booked()).toEqual(['committed']);
      expect(await once(pool, 'committed', book('committed'))).toBe(false);
      expect(await once(pool, 'open', book('open'))).toBe(true);
      expect(await booked()).toEqual(['committed', 'open']);
    });
  },
);

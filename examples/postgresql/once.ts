import type { Pool, PoolClient } from 'pg';

/** Makes the table that remembers which effects were committed. Run it once, or put it into your migrations. */
export const HANDLED_EVENTS = `
  CREATE TABLE IF NOT EXISTS handled_events (
    idempotency_key text PRIMARY KEY,
    handled_at timestamptz NOT NULL DEFAULT now()
  )`;

/**
 * Runs `effect` in one transaction with the note that it was made: both are committed, or neither. Of several deliveries at
 * once the second waits for the first, and does nothing once that has committed. This is what makes an effect happen once,
 * whatever is killed when; an idempotency store beside it only spares the work.
 *
 * Only what `effect` does through the client it is given belongs to the transaction.
 *
 * @returns false if it was committed before
 */
export async function once(
  pool: Pool,
  idempotencyKey: string,
  effect: (client: PoolClient) => Promise<void>,
): Promise<boolean> {
  const client = await pool.connect();
  let broken: Error | undefined;
  // The pool listens to idle clients only: without this, a connection cut meanwhile would end the process.
  const onError = (error: Error): void => void (broken = error);
  client.on('error', onError);
  try {
    await client.query('BEGIN');
    const noted = await client.query(
      'INSERT INTO handled_events (idempotency_key) VALUES ($1) ON CONFLICT DO NOTHING',
      [idempotencyKey],
    );
    const isNew = noted.rowCount === 1;
    if (isNew) await effect(client);
    await client.query('COMMIT');
    return isNew;
  } catch (error) {
    await client.query('ROLLBACK').catch(onError);
    throw error;
  } finally {
    client.off('error', onError);
    client.release(broken); // a connection that cannot even roll back is not used again
  }
}

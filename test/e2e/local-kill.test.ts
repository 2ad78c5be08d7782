import { describe, it } from 'vitest';
import { runKills } from '../helpers/local-kill/run-kills.ts';

/** CI kills less often. */
const KILLS = Number(process.env['WAYBILL_STACK_KILLS'] ?? 100);

describe('kill -9 of the built embedded stack', () => {
  it(`${KILLS} times under load: all that was acknowledged is there, nothing half, nothing left over`, async () => {
    await runKills(KILLS, 'dist');
  });
});

import { describe, it } from 'vitest';
import { runKills } from '../../helpers/local-kill/run-kills.ts';

describe('kill -9 of the embedded stack', () => {
  it('twice under load: all that was acknowledged is there, nothing half, nothing left over', async () => {
    await runKills(2, 'source');
  }, 120_000);
});

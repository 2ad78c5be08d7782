import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { LOCAL_NAMES, startExchange, type LocalExchange } from '../../cli/stack.ts';
import { silentLogger } from '../../shared/logger.ts';
import { recordsOf, runCli, tempDir } from '../helpers/cli.ts';

describe('waybill revoke, erase and sweep', () => {
  let dir: Awaited<ReturnType<typeof tempDir>>;
  let exchange: LocalExchange;
  beforeAll(async () => {
    dir = await tempDir();
    exchange = await startExchange({ dir: join(dir.path, 'stack'), logger: silentLogger });
    await writeFile(join(dir.path, 'a.txt'), 'hello');
  });
  afterAll(async () => {
    await exchange[Symbol.asyncDispose]();
    await dir[Symbol.asyncDispose]();
  });

  const run = (...args: string[]) => runCli(args, { cwd: dir.path, env: { ...exchange.variables } });
  const publish = async (...more: string[]) =>
    await run('publish', 'a.txt', '--type', 'note.added', '--json', ...more);

  it('takes the payloads of an event back, restores them, and deletes them for good', async () => {
    const [{ eventId }] = recordsOf(await publish(), 'published');
    const sent = exchange.local.spy.records('event').find(({ source }) => source === LOCAL_NAMES.producer);
    const { url } = (sent!.detail() as any).data.attachments[0].access;
    const get = async (): Promise<number> => (await fetch(url)).status;
    expect(await get()).toBe(200);

    const revoked = await run('revoke', eventId, '--reason', 'wrong partner', '--by', 'alice', '--json');
    expect(revoked.code, revoked.stderr).toBe(0);
    const [report] = recordsOf(revoked, 'revoked');
    expect(report).toMatchObject({ action: 'revoke', changed: [{ store: 'payloads' }] });
    expect(await get()).toBe(403);

    const undone = await run('revoke', eventId, '--undo');
    expect([undone.code, undone.stdout.trim()], undone.stderr).toEqual([0, '1']);
    expect(await get()).toBe(200);

    const planned = await run('erase', eventId);
    expect(planned.code).toBe(2);
    expect(planned.stderr).toContain('would delete 1 versions; say --yes to do it');
    expect(await get()).toBe(200);
    const erased = await run('erase', report.versions[0].key, '--yes', '--json');
    expect(erased.code, erased.stderr).toBe(0);
    expect(recordsOf(erased, 'erased')).toMatchObject([
      { changed: [{ versionId: report.versions[0].versionId }] },
    ]);
    expect(await get()).toBe(404);

    const again = await run('erase', eventId, '--yes');
    expect([again.code, again.stderr]).toEqual([
      1,
      expect.stringContaining(`event ${eventId}: no version of a payload found, nothing was done`),
    ]);
    const misuse = await run('revoke', eventId, '--version-id', 'v');
    expect([misuse.code, misuse.stderr]).toEqual([
      2,
      expect.stringContaining('--version-id, --store: expected'),
    ]);
  });

  it('publishes what a dead publisher left, and ends with 1 while it cannot', async () => {
    const heal = exchange.local.faults.add({
      match: { operation: 'PutEvents' },
      times: Infinity,
      faults: { kind: 'status', status: 400, code: 'AccessDeniedException' },
    });
    expect((await publish()).code).toBe(1);
    const patient = await run('sweep', '--json');
    expect([patient.code, recordsOf(patient, 'swept')], patient.stderr).toMatchObject([
      0,
      [{ published: [], failed: [] }],
    ]);
    const stuck = await run('sweep', '--outbox-age', '0s', '--json');
    expect([stuck.code, recordsOf(stuck, 'swept')]).toMatchObject([1, [{ published: [], failed: [{}] }]]);
    heal();
    const swept = await run('sweep', '--outbox-age', '0s');
    expect([swept.code, swept.stdout.trim()], swept.stderr).toEqual([
      0,
      '1 published, 0 failed, 0 unfinished, 0 stray uploads',
    ]);
  });
});

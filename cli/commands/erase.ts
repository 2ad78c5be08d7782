import type { Command } from 'commander';
import { erase } from '../../producers/index.ts';
import { command, runWith } from '../command.ts';
import { checkedAsync, UsageError } from '../errors.ts';
import { revocationOf, showVersions, withTarget, type RevocationFlags } from '../revocation.ts';

/** `waybill erase`: deletes every version of a payload, for good. */
export function eraseCommand(summary: string): Command {
  return withTarget(
    command('erase', summary, [
      'waybill erase 0197…-…                     # says what it would delete',
      'waybill erase 0197…-… --reason "request 4711 of the data subject" --yes',
      'waybill erase uploads/partner/0197…-…/scan.pdf --yes',
    ]),
  )
    .option('--yes', 'delete; without it the versions are only listed')
    .action((target: string, flags: RevocationFlags & { readonly yes?: boolean }) =>
      runWith(flags, async (context) => {
        const { out } = context;
        const dryRun = flags.yes !== true;
        const report = await checkedAsync(erase({ ...revocationOf(target, flags, context), dryRun }));
        showVersions(report, out);
        if (dryRun) {
          out.emit({ type: 'would-erase', ...report });
          throw new UsageError(`erase: would delete ${report.versions.length} versions; say --yes to do it`);
        }
        out.say(`${report.changed.length} versions deleted; audit record ${report.auditKey ?? ''}`);
        out.emit({ type: 'erased', ...report });
        out.result(String(report.changed.length));
      }),
    );
}

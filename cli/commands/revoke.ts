import type { Command } from 'commander';
import { revoke } from '../../producers/index.ts';
import { command, runWith } from '../command.ts';
import { checkedAsync } from '../errors.ts';
import { revocationOf, showVersions, withTarget, type RevocationFlags } from '../revocation.ts';

/** `waybill revoke`: kills every URL and claim check of a payload. */
export function revokeCommand(summary: string): Command {
  return withTarget(
    command('revoke', summary, [
      'waybill revoke 0197…-…                    # all payloads of an event',
      'waybill revoke payloads/billing/invoice.created/0197…-…/a --reason "sent to the wrong partner"',
      'waybill revoke payloads/billing/invoice.created/0197…-…/a --version-id 3sL4kq… --undo',
    ]),
  )
    .option('--undo', 'take the revocation back')
    .action((target: string, flags: RevocationFlags & { readonly undo?: boolean }) =>
      runWith(flags, async (context) => {
        const { out } = context;
        const undo = flags.undo === true;
        const report = await checkedAsync(revoke({ ...revocationOf(target, flags, context), undo }));
        showVersions(report, out);
        const { versions, changed } = report;
        out.say(
          `${changed.length} of ${versions.length} versions ${undo ? 'can be read again' : 'revoked'}, ` +
            `the others were so before; audit record ${report.auditKey ?? ''}`,
        );
        out.emit({ type: undo ? 'revocation-undone' : 'revoked', ...report });
        out.result(String(changed.length));
      }),
    );
}

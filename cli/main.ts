#!/usr/bin/env node
import { CommanderError } from 'commander';
import { InterruptedError } from './command.ts';
import { describeError, UsageError } from './errors.ts';
import { redactText } from '../shared/redact.ts';
import { createProgram } from './program.ts';

// The SDK warns on every start that Node 20 nears its end; people at a prompt can do nothing with that.
process.env['AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED'] ??= 'true';
// `waybill … | head` closes our stdout: that ends the output, not with a stack trace.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  process.exit(error.code === 'EPIPE' ? 0 : 1);
});

try {
  const program = await createProgram(process.argv.slice(2));
  await program.parseAsync();
} catch (error) {
  process.exitCode = exitCodeOf(error);
}

/** 0 done, 1 failed, 2 misuse, 130 interrupted. Commander has already shown its own errors. */
function exitCodeOf(error: unknown): number {
  if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : 2;
  process.stderr.write(`waybill: ${describeError(error)}\n`);
  if (
    process.env['WAYBILL_LOG_LEVEL'] === 'trace' &&
    error instanceof Error &&
    !(error instanceof UsageError)
  ) {
    process.stderr.write(`${redactText(error.stack ?? '')}\n`);
  }
  if (error instanceof InterruptedError) return 130;
  return error instanceof UsageError ? 2 : 1;
}

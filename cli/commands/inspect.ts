import { text as readAll } from 'node:stream/consumers';
import type { Command } from 'commander';
import { inspectPresignedUrl, type PresignedUrlReport } from '../../shared/presign.ts';
import { command, runWith } from '../command.ts';
import { checked } from '../errors.ts';
import { formatMs } from '../values.ts';

/** `waybill inspect URL`: what a presigned URL says, without its signature. */
export function inspectCommand(summary: string): Command {
  return command('inspect', summary, [
    "waybill inspect 'https://…?X-Amz-Algorithm=…'",
    'pbpaste | waybill inspect -     # keeps the URL out of the shell history',
  ])
    .argument('<url>', 'the URL, or - to read it from standard input')
    .action((argument: string, options: object) =>
      runWith(options, async ({ out }) => {
        const url = argument === '-' ? (await readAll(process.stdin)).trim() : argument;
        const report = checked(() => inspectPresignedUrl(url, Date.now()));
        for (const line of reportLines(report)) out.result(line);
        out.emit({ type: 'presigned-url', ...report });
      }),
    );
}

function reportLines(report: PresignedUrlReport): string[] {
  const rows = Object.entries(describe(report)).filter(([, value]) => value !== undefined && value !== '');
  const width = Math.max(...rows.map(([name]) => name.length));
  const lines = rows.map(([name, value]) => `${name.padEnd(width)}  ${value}`);
  if (report.problems.length === 0) return [...lines, 'Nothing in it that S3 would refuse by itself.'];
  return [...lines, 'S3 would refuse it:', ...report.problems.map((problem) => `  - ${problem}`)];
}

function describe(report: PresignedUrlReport): Record<string, string | undefined> {
  const instant = (ms: number | undefined): string | undefined =>
    ms === undefined ? undefined : new Date(ms).toISOString();
  const { lifeLeftMs } = report;
  return {
    address: report.address,
    algorithm: report.algorithm,
    'key id': report.accessKeyId,
    date: report.date,
    region: report.region,
    service: report.service,
    'signed headers': report.signedHeaders?.join(', '),
    version: report.versionId,
    issued: instant(report.issuedAtMs),
    expires: instant(report.expiresAtMs),
    'life left':
      lifeLeftMs === undefined
        ? undefined
        : lifeLeftMs > 0
          ? formatMs(lifeLeftMs)
          : `none, over since ${formatMs(-lifeLeftMs)}`,
  };
}

import { PublishError } from '../../shared/errors.ts';
import { redactingLogger, silentLogger } from '../../shared/logger.ts';
import { nonEmptyString, show } from '../../shared/options.ts';
import type { SweepOptions } from './options.ts';
import type { SweepReport } from './report.ts';
import { sweep } from './sweep.ts';

export interface SweeperLambdaOptions extends Omit<SweepOptions, 'producer' | 'signal'> {
  readonly producers: readonly string[];
}

/**
 * Makes a handler for a schedule of a few minutes: sweeps each producer in turn, logs a line for each, and returns the
 * reports.
 * @returns a handler that throws {PublishError} when events stay in an outbox, after all producers were swept, so that
 * the function's error metric says so
 * @throws {TypeError} if no producer is named
 */
export function sweeperLambda(options: SweeperLambdaOptions): () => Promise<readonly SweepReport[]> {
  const { producers, ...rest } = options;
  if (!Array.isArray(producers) || producers.length === 0)
    throw new TypeError(`producers: got ${show(producers)}, expected at least one name`);
  for (const producer of producers) nonEmptyString('producers', producer);
  const logger = redactingLogger(options.logger ?? silentLogger);
  return async () => {
    const reports: SweepReport[] = [];
    for (const producer of producers) {
      const report = await sweep({ ...rest, producer });
      const { published, publishedBefore, failed, unfinished, strayUploads } = report;
      const left = failed.length + unfinished.length + strayUploads.length;
      logger[left === 0 ? 'info' : 'warn'](
        {
          producer,
          published: published.length,
          publishedBefore: publishedBefore.length,
          failed,
          unfinished,
          strayUploads,
        },
        'swept',
      );
      reports.push(report);
    }
    const failed = reports.flatMap((report) => report.failed);
    const [first] = failed;
    if (first === undefined) return reports;
    throw new PublishError(
      `${failed.length} events stay in the outbox; the first is ${first.eventId}: ${first.reason}`,
      { details: { eventIds: failed.map(({ eventId }) => eventId).slice(0, 100) } },
    );
  };
}

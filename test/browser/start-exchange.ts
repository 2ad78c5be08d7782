import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { z } from 'zod';
import { LOCAL_NAMES, startExchange, type ExchangeOptions, type LocalExchange } from '../../cli/stack.ts';
import { createWorker, urlServiceClient, type SavedFile } from '../../consumers/index.ts';
import { createClaimCheckVerifier } from '../../shared/claim-check.ts';
import { silentLogger } from '../../shared/logger.ts';

/** What `waybill up` runs, with its page, in a directory that goes with it. */
export interface TestExchange extends AsyncDisposable {
  readonly exchange: LocalExchange;
  readonly url: string;
  readonly dir: string;
  /** Events that were published for uploads, oldest first. */
  published(): readonly string[];
  /** Keys of all objects that uploads left. */
  objects(): Promise<readonly string[]>;
  /** Takes one event from the queue and saves its files. */
  receive(): Promise<readonly SavedFile[]>;
}

export async function startTestExchange(options: Partial<ExchangeOptions> = {}): Promise<TestExchange> {
  const dir = await mkdtemp(join(tmpdir(), 'waybill-browser-'));
  const exchange = await startExchange({ dir, page: true, logger: silentLogger, ...options });
  const { local } = exchange;
  return {
    exchange,
    url: exchange.uploads.server.url,
    dir,
    published: () =>
      local.spy
        .records('event')
        .filter(({ source }) => source === 'local-uploads')
        .map(({ detailType }) => detailType),
    async objects() {
      const { ListObjectVersionsCommand, S3Client } = await import('@aws-sdk/client-s3');
      const s3 = new S3Client(local.clientOptions());
      const { Versions = [] } = await s3.send(
        new ListObjectVersionsCommand({ Bucket: LOCAL_NAMES.bucket, Prefix: 'uploads/' }),
      );
      s3.destroy();
      return Versions.map(({ Key = '' }) => Key);
    },
    async receive() {
      let saved: readonly SavedFile[] = [];
      await using worker = createWorker({
        queueUrl: local.queueUrl(LOCAL_NAMES.queue),
        stores: exchange.stores,
        sqs: local.clientOptions(),
        urlSource: urlServiceClient({
          endpoint: exchange.urlService.url,
          region: local.region,
          credentials: local.credentials,
        }),
        claimCheckVerifier: createClaimCheckVerifier({ keys: exchange.producerKeys }),
        events: { '*': z.looseObject({}) },
        handler: async (_event, { saveAll }) => {
          saved = await saveAll(join(dir, 'received'));
          void worker.stop();
        },
      });
      await worker.done;
      return saved;
    },
    async [Symbol.asyncDispose]() {
      await exchange[Symbol.asyncDispose]();
      await rm(dir, { recursive: true, force: true });
    },
  };
}

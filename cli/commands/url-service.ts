import { once } from 'node:events';
import type { Command } from 'commander';
import { createUrlService, startUrlServiceServer } from '../../producers/index.ts';
import { createClaimCheckVerifier, parseProducerKeys } from '../../shared/claim-check.ts';
import { command, runWith } from '../command.ts';
import { jsonOrFile, readTextFile, regionOf, required, storesOf } from '../environment.ts';
import { checked } from '../errors.ts';
import { parseCallers } from '../callers.ts';
import { durationSeconds, wholeNumber } from '../values.ts';

interface UrlServiceOptions {
  readonly port: number;
  readonly host: string;
  readonly stores?: string;
  readonly producerKeys?: string;
  readonly callers?: string;
  readonly region?: string;
  readonly urlTtl: number;
}

/** `waybill url-service`: the URL service alone. */
export function urlServiceCommand(summary: string): Command {
  return command(
    'url-service',
    summary,
    [
      'waybill url-service --port 4601 --callers callers.json',
      `waybill url-service --callers '[{"caller":"archive","accessKeyId":"AK","secretAccessKey":"…","types":"*","prefixes":["payloads/"]}]'`,
    ],
    'warn',
  )
    .option('--port <port>', 'port to listen on; 0 for any', wholeNumber(0, 65_535), 4601)
    .option('--host <address>', 'address to listen on', '127.0.0.1')
    .option('--stores <json|file>', 'stores by logical name (WAYBILL_STORES)')
    .option('--producer-keys <file>', "producers' public keys (WAYBILL_PRODUCER_KEYS)")
    .option('--callers <json|file>', 'who may call, and for what (WAYBILL_CALLERS)')
    .option('--region <region>', 'region that callers sign for (AWS_REGION)')
    .option('--url-ttl <duration>', 'life of the URLs given', durationSeconds, 900)
    .action((options: UrlServiceOptions) =>
      runWith(options, async ({ env, out, logger, signal }) => {
        const keysPath = required(
          options.producerKeys ?? env.WAYBILL_PRODUCER_KEYS,
          '--producer-keys',
          'WAYBILL_PRODUCER_KEYS',
        );
        const callersText = required(options.callers ?? env.WAYBILL_CALLERS, '--callers', 'WAYBILL_CALLERS');
        const callers = parseCallers(jsonOrFile('--callers (WAYBILL_CALLERS)', callersText));
        const region = regionOf(env, options.region);
        const service = checked(() =>
          createUrlService({
            stores: storesOf(env, options.stores),
            verifier: createClaimCheckVerifier({
              keys: parseProducerKeys(readTextFile('--producer-keys', keysPath)),
            }),
            callers: callers.rights,
            urlTtlSeconds: options.urlTtl,
            logger,
          }),
        );
        const server = await startUrlServiceServer({
          service,
          port: options.port,
          host: options.host,
          region,
          identities: callers.identities,
          logger,
        });
        try {
          out.say(`URL service  ${server.url}\nCtrl-C stops it.`);
          out.emit({ type: 'url-service', url: server.url });
          if (!signal.aborted) await once(signal, 'abort');
        } finally {
          await server.close();
        }
      }),
    );
}

/*
 * The embedded stack with a slow network: bodies of presigned GETs are throttled. Uploads a file, publishes the event
 * that names it, and says where both are.
 * Arguments: DIRECTORY FILE BYTES_PER_SECOND_OF_A_BODY URL_LIFE_SECONDS
 */
import { createPublisher } from '../../producers/index.ts';
import { createClaimCheckSigner } from '../../shared/claim-check.ts';
import { serialiseEvent } from '../../shared/events/index.ts';
import { silentLogger } from '../../shared/logger.ts';
import { LOCAL_NAMES, startExchange } from '../../cli/stack.ts';

/** What a consumer needs, in two versions of the same event. */
export interface StackReady {
  readonly variables: Readonly<Record<string, string>>;
  /** Events as JSON text; they hold secrets of this stack, which ends with the bench. */
  readonly shortLived: string;
  readonly eternal: string;
}

const DAY_SECONDS = 86_400;

const [dir = '', file = '', rate = '', life = ''] = process.argv.slice(2);
const exchange = await startExchange({ dir, urlTtlSeconds: Number(life), logger: silentLogger });
const publish = async (
  urlTtlSeconds: number,
  id: string | undefined,
): Promise<{ id: string; text: string }> => {
  await using publisher = createPublisher({
    producer: exchange.signingKey.issuer,
    stores: exchange.stores,
    bus: LOCAL_NAMES.bus,
    signer: createClaimCheckSigner(exchange.signingKey),
    urlTtlSeconds,
    ...exchange.local.clientOptions(),
  });
  const { event } = await publisher.publish({
    type: 'bench.file.sent',
    attachments: [{ path: file }],
    ...(id === undefined ? {} : { id }),
  });
  return { id: event.id, text: serialiseEvent(event).detail };
};
const shortLived = await publish(Number(life), undefined);
const eternal = await publish(DAY_SECONDS, shortLived.id);
exchange.local.faults.add({
  match: { operation: 'GetObject', presigned: true },
  times: Infinity,
  faults: { kind: 'throttle', bytesPerSecond: Number(rate) },
});
const ready: StackReady = {
  variables: exchange.variables,
  shortLived: shortLived.text,
  eternal: eternal.text,
};
process.stdout.write(`${JSON.stringify(ready)}\n`);
process.once('SIGTERM', () => void exchange[Symbol.asyncDispose]().then(() => process.exit(0)));

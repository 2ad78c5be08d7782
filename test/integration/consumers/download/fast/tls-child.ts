/** A process that trusts what its environment says, and asks once over each transport; it tells what it got. */
import { createTransport, type TransportKind } from '../../../../../consumers/download/index.ts';

/** What the parent sends. */
export interface TlsOrder {
  readonly url: string;
  readonly kinds: readonly TransportKind[];
}

async function ask(url: string, kind: TransportKind): Promise<string> {
  const transport = createTransport({ kind });
  try {
    const { status, body } = await transport.get({ url, headers: {}, stallTimeoutMs: 10_000 });
    let bytes = 0;
    for await (const chunk of body) bytes += chunk.length;
    return `${status}, ${bytes} bytes`;
  } catch (error) {
    return String(error);
  } finally {
    await transport.close();
  }
}

process.once('message', ({ url, kinds }: TlsOrder) => {
  const run = async (): Promise<void> => {
    process.send?.(await Promise.all(kinds.map(async (kind) => await ask(url, kind))));
    process.disconnect();
  };
  void run();
});

import { S3Client } from '@aws-sdk/client-s3';
import type { S3ClientConfig } from '@aws-sdk/client-s3';
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createFaultSwitch } from '../../../../local/faults.ts';
import { createS3Service } from '../../../../local/s3/service.ts';
import type { ObjectCreatedEvent, S3ServiceOptions } from '../../../../local/s3/service.ts';
import { systemClock } from '../../../../shared/clock.ts';
import type { Clock } from '../../../../shared/clock.ts';

export const credentials = { accessKeyId: 'AKIDLOCAL', secretAccessKey: 'secret/local+key' };
export const sessionCredentials = {
  accessKeyId: 'ASIALOCAL',
  secretAccessKey: 'session-secret',
  sessionToken: 'token/with+signs==',
};

/** A clock that runs, shifted as tests say. */
export class ShiftedClock implements Clock {
  shiftMs = 0;

  nowMs(): number {
    return Date.now() + this.shiftMs;
  }

  monotonicMs(): number {
    return performance.now();
  }

  async sleep(ms: number, signal?: AbortSignal): Promise<void> {
    await systemClock.sleep(ms, signal);
  }
}

/** A real server around the service, on a folder of its own. */
export async function startS3(options: Partial<S3ServiceOptions> = {}) {
  const dir = options.dir ?? (await mkdtemp(join(tmpdir(), 'waybill-s3-')));
  const clock = new ShiftedClock();
  const faults = createFaultSwitch();
  const events: ObjectCreatedEvent[] = [];
  const service = await createS3Service({
    dir,
    clock,
    faults,
    region: 'eu-west-1',
    identities: [credentials, sessionCredentials],
    onObjectCreated: (event) => void events.push(event),
    ...options,
  });
  const server = createServer((req, res) => void service.handle(req, res));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  const endpoint = `http://127.0.0.1:${port}`;
  const clients: S3Client[] = [];
  const client = (config: S3ClientConfig = {}): S3Client => {
    const made = new S3Client({
      endpoint,
      region: 'eu-west-1',
      credentials,
      forcePathStyle: true,
      maxAttempts: 1,
      ...config,
    });
    clients.push(made);
    return made;
  };
  const stop = async (): Promise<void> => {
    for (const made of clients) made.destroy();
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
    await service.close();
  };
  return {
    dir,
    clock,
    faults,
    events,
    service,
    server,
    port,
    endpoint,
    client,
    /** Stops the server and keeps the folder, as a restart does. */
    stop,
    [Symbol.asyncDispose]: async () => {
      await stop();
      await rm(dir, { recursive: true, force: true });
    },
  };
}

export type S3Server = Awaited<ReturnType<typeof startS3>>;

/** Bytes that differ everywhere and are the same in every run. */
export function pattern(sizeBytes: number, seed = 1): Buffer {
  const bytes = Buffer.allocUnsafe(sizeBytes);
  let state = seed >>> 0;
  for (let at = 0; at < sizeBytes; at += 1) {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    bytes[at] = state >>> 24;
  }
  return bytes;
}

/** The code in an S3 error body. */
export function errorCode(xml: string): string {
  return /<Code>([^<]*)<\/Code>/.exec(xml)?.[1] ?? '';
}

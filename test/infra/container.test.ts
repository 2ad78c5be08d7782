import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { createServer, type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { App, Stack } from 'aws-cdk-lib';
import * as ecs from 'aws-cdk-lib/aws-ecs';
import { v7 as uuidv7 } from 'uuid';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { containerImage } from '../../infra/container.ts';
import { envelope, orderEvent, startHarness, type Harness } from '../integration/consumers/worker-harness.ts';

const PROGRAM = fileURLToPath(new URL('fixtures/consumer-service.ts', import.meta.url));
const scratch = mkdtempSync(join(tmpdir(), 'waybill-container-'));

/** What Docker would get: the directory that synth has put aside. */
function contextOf(): { readonly directory: string; readonly files: readonly string[] } {
  const app = new App({ outdir: join(scratch, 'cdk.out') });
  const stack = new Stack(app, 'Stack');
  const task = new ecs.FargateTaskDefinition(stack, 'Task');
  task.addContainer('Worker', { image: containerImage(stack, PROGRAM) });
  const { directory } = app.synth();
  const asset = readdirSync(directory).find((name) => name.startsWith('asset.'));
  if (asset === undefined) throw new Error('synth has put nothing aside');
  return { directory: join(directory, asset), files: readdirSync(join(directory, asset)) };
}

/** A port that is free now. */
async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  return port;
}

describe("a consumer's container", () => {
  let harness: Harness;
  let child: ChildProcess | undefined;
  const context = contextOf();
  beforeAll(async () => {
    harness = await startHarness();
  });
  afterEach(() => {
    child?.kill('SIGKILL');
  });
  afterAll(async () => {
    await harness[Symbol.asyncDispose]();
    rmSync(scratch, { recursive: true, force: true });
  });

  it('is a program and a Dockerfile, made without Docker', () => {
    expect([...context.files].sort()).toEqual(['Dockerfile', 'index.mjs']);
    const dockerfile = readFileSync(join(context.directory, 'Dockerfile'), 'utf8');
    expect(dockerfile).toMatch(/^USER node$/m);
    expect(dockerfile).toMatch(/^VOLUME \["\/var\/waybill"\]$/m);
    expect(dockerfile).toMatch(/^ENTRYPOINT \["node", "index.mjs"\]$/m);
  });

  it('works with what the construct puts into its environment, tells that it is alive, and ends on SIGTERM', async () => {
    const { stack } = harness;
    const port = await freePort();
    const out = mkdtempSync(join(scratch, 'work-'));
    child = spawn(process.execPath, ['index.mjs'], {
      cwd: context.directory,
      stdio: ['ignore', 'inherit', 'inherit'],
      env: {
        AWS_ACCESS_KEY_ID: stack.credentials.accessKeyId,
        AWS_SECRET_ACCESS_KEY: stack.credentials.secretAccessKey,
        AWS_REGION: stack.region,
        AWS_ENDPOINT_URL: stack.endpoint,
        AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED: 'true',
        WAYBILL_CONSUMER: 'archive',
        WAYBILL_QUEUE: stack.queueUrl('orders'),
        WAYBILL_DLQ: stack.queueUrl('orders-dlq'),
        WAYBILL_STORES: JSON.stringify(harness.stores),
        WAYBILL_URL_SERVICE: 'https://service.lambda-url.eu-central-1.on.aws/',
        WAYBILL_HEALTH_PORT: String(port),
        TMPDIR: out,
      },
    });
    const ended = once(child, 'exit');
    const id = uuidv7();
    await harness.send(envelope(orderEvent(id, [await harness.attach(id, Buffer.from('the order'))])));
    await stack.spy.waitFor((record) => record.kind === 'delete', { timeoutMs: 50_000 });
    expect(readFileSync(join(out, id, 'files', 'order.txt'), 'utf8')).toBe('the order');
    expect((await fetch(`http://127.0.0.1:${port}/healthz`)).status).toBe(200);
    child.kill('SIGTERM');
    expect(await ended).toEqual([0, null]);
  });
});

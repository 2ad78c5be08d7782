import { createServer } from 'node:net';
import type { AddressInfo } from 'node:net';
import { v7 as uuidv7 } from 'uuid';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { serveWorkerHealth } from '../../../consumers/index.ts';
import { UrlServiceError } from '../../../shared/errors.ts';
import { envelope, orderEvent, startHarness, type Harness } from './worker-harness.ts';

let harness: Harness;
beforeAll(async () => {
  harness = await startHarness();
});
afterAll(async () => {
  await harness[Symbol.asyncDispose]();
});

async function get(url: string): Promise<{ status: number; type: string | null; body: string }> {
  const response = await fetch(url);
  return { status: response.status, type: response.headers.get('content-type'), body: await response.text() };
}

/** Values by name and labels. */
async function scrape(url: string): Promise<Map<string, number>> {
  const { body } = await get(`${url}/metrics`);
  const lines = body.split('\n').filter((line) => line !== '' && !line.startsWith('#'));
  return new Map(
    lines.map((line) => [line.slice(0, line.lastIndexOf(' ')), Number(line.slice(line.lastIndexOf(' ')))]),
  );
}

describe("a worker's health endpoint", () => {
  it('tells of messages, bytes and durations', async () => {
    const id = uuidv7();
    const bytes = Buffer.alloc(1234, 'x');
    await harness.send(envelope(orderEvent(id, [await harness.attach(id, bytes)])));
    await harness.send('no event');
    await using watched = harness.work({
      consumer: 'billing "eu"',
      handler: async (event) => {
        for (const attachment of event.data.attachments) await attachment.bytes({ maxBytes: 2000 });
      },
    });
    await using health = await serveWorkerHealth(watched.worker, { port: 0 });
    expect(health.url).toMatch(/^http:\/\/127\.0\.0\.1:\d+$/);
    await watched.until('succeeded');
    await watched.until('rejected');
    expect(await get(`${health.url}/healthz`)).toMatchObject({ status: 200, body: '{"alive":true}\n' });
    expect(await get(`${health.url}/readyz`)).toMatchObject({
      status: 200,
      body: '{"ready":true,"circuit":{"state":"closed"}}\n',
    });
    expect((await get(`${health.url}/metrics`)).type).toBe('text/plain; version=0.0.4; charset=utf-8');
    const metrics = await scrape(health.url);
    const expected = {
      'waybill_worker_info{queue="orders",consumer="billing \\"eu\\""}': 1,
      waybill_worker_ready: 1,
      'waybill_worker_circuit_state{state="closed"}': 1,
      'waybill_worker_circuit_state{state="open"}': 0,
      waybill_worker_messages_received_total: 2,
      'waybill_worker_messages_settled_total{outcome="succeeded"}': 1,
      'waybill_worker_messages_settled_total{outcome="rejected"}': 1,
      'waybill_worker_messages_settled_total{outcome="retried"}': 0,
      waybill_worker_messages_in_flight: 0,
      waybill_worker_downloads_total: 1,
      waybill_worker_downloaded_bytes_total: 1234,
      waybill_worker_handler_duration_seconds_count: 1,
      'waybill_worker_handler_duration_seconds_bucket{le="+Inf"}': 1,
    };
    for (const [name, value] of Object.entries(expected))
      expect([name, metrics.get(name)]).toEqual([name, value]);
    expect(await get(`${health.url}/`)).toMatchObject({ status: 404 });
    expect((await fetch(`${health.url}/metrics`, { method: 'POST' })).status).toBe(405);
    expect(await (await fetch(`${health.url}/metrics`, { method: 'HEAD' })).text()).toBe('');
  });

  it('is unready, and says why, while the circuit is open; it is alive all the time', async () => {
    await harness.send(envelope(orderEvent(uuidv7(), [])));
    await using watched = harness.work({
      handler: async () => {
        throw new UrlServiceError('POST https://urls.example/?token=secret answered 503');
      },
    });
    await using health = await serveWorkerHealth(watched.worker, { port: 0 });
    await watched.until('circuit-opened');
    const { status, body } = await get(`${health.url}/readyz`);
    expect(status).toBe(503);
    expect(JSON.parse(body)).toMatchObject({ ready: false, circuit: { state: 'open', code: 'url-service' } });
    expect(body).not.toContain('secret');
    expect((await get(`${health.url}/healthz`)).status).toBe(200);
    const metrics = await scrape(health.url);
    expect(metrics.get('waybill_worker_ready')).toBe(0);
    expect(metrics.get('waybill_worker_circuit_state{state="open"}')).toBe(1);
    expect(metrics.get('waybill_worker_circuit_openings_total')).toBe(1);
    await watched.worker.stop();
    expect(await get(`${health.url}/healthz`)).toMatchObject({ status: 503 });
  });

  it('runs as long as the worker does when the worker is told to serve it', async () => {
    const port = await freePort();
    const watched = harness.work({ health: { port } });
    await watched.until('started');
    expect((await get(`http://127.0.0.1:${port}/readyz`)).status).toBe(200);
    await watched.worker.stop();
    await expect(fetch(`http://127.0.0.1:${port}/readyz`)).rejects.toThrow('fetch failed');
  });

  it('fails the worker when its port is taken', async () => {
    const taken = createServer();
    await new Promise<void>((resolve) => taken.listen(0, '127.0.0.1', resolve));
    const { port } = taken.address() as AddressInfo;
    const watched = harness.work({ health: { port } });
    await expect(watched.worker.done).rejects.toThrow('EADDRINUSE');
    await new Promise((resolve) => taken.close(resolve));
  });

  it('fails on a port that is none', () => {
    expect(() => harness.work({ health: { port: 65_536 } })).toThrow(/health\.port: got 65536/);
  });
});

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}

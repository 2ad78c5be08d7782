import { once } from 'node:events';
import { createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import { setImmediate as nextTurn } from 'node:timers/promises';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  createBlockPool,
  createFastTransport,
  createUndiciTransport,
  type Transport,
} from '../../../../consumers/download/index.ts';

/** What a server sends, in pieces, before it hangs up. */
interface Wire {
  readonly pieces: readonly Buffer[];
}

const wires = new Map<string, Wire>();
const sockets = new Set<Socket>();
const pool = createBlockPool({ blockBytes: 64 * 1024 });
let server: Server;
let fast: Transport;
let undici: Transport;

beforeAll(async () => {
  fast = createFastTransport({ pool });
  undici = createUndiciTransport();
  server = createServer((socket) => {
    sockets.add(socket);
    socket.setNoDelay(true);
    socket.on('error', () => {});
    socket.on('close', () => sockets.delete(socket));
    socket.once('data', (request) => {
      const wire = wires.get(/^GET (\S+)/.exec(String(request))?.[1] ?? '');
      void send(socket, wire?.pieces ?? []);
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
});
afterAll(async () => {
  await Promise.all([fast.close(), undici.close()]);
  for (const socket of sockets) socket.destroy();
  server.close();
});

async function send(socket: Socket, pieces: readonly Buffer[]): Promise<void> {
  for (const piece of pieces) {
    socket.write(piece);
    await nextTurn();
  }
  socket.end();
}

interface Got {
  readonly status: number;
  readonly headers: Record<string, string | undefined>;
  readonly body: string;
}

const MATTERS = ['etag', 'content-length', 'content-range', 'content-encoding', 'x-amz-version-id', 'date'];

/** The answer, read to its end; undefined if it is not accepted. */
async function get(transport: Transport, path: string): Promise<Got | undefined> {
  const { port } = server.address() as AddressInfo;
  const url = `http://127.0.0.1:${port}${path}`;
  const { signal } = new AbortController();
  try {
    const response = await transport.get({ url, headers: {}, signal, stallTimeoutMs: 5_000 });
    const chunks: Buffer[] = [];
    for await (const chunk of response.body) chunks.push(Buffer.from(chunk));
    const headers = Object.fromEntries(MATTERS.map((name) => [name, response.headers[name]]));
    return { status: response.status, headers, body: Buffer.concat(chunks).toString('latin1') };
  } catch {
    return undefined;
  }
}

const lineEnd = fc.oneof(
  { weight: 30, arbitrary: fc.constant('\r\n') },
  { weight: 1, arbitrary: fc.constantFrom('\n', '\r', '\r\r\n', '\r\n\r\n', '\0\r\n', '\r\n ') },
);
const status = fc.oneof(
  {
    weight: 8,
    arbitrary: fc.constantFrom('HTTP/1.1 200 OK', 'HTTP/1.1 206 Partial Content', 'HTTP/1.1 403 Forbidden'),
  },
  {
    weight: 1,
    arbitrary: fc.constantFrom(
      'HTTP/1.0 200 OK',
      'HTTP/1.1 200',
      'HTTP/1.1  200 OK',
      ' HTTP/1.1 200 OK',
      'HTTP/1.1 100 Continue',
      'HTTP/1.1 204 No Content',
      'HTTP/1.1 304 Not Modified',
      'HTTP/1.1 307 Temporary Redirect',
      'HTTP/1.1 2000 OK',
      'http/1.1 200 OK',
      'HTTP/1.1 500',
    ),
  },
);
const body = fc.string({ unit: 'binary-ascii', maxLength: 40 });
const chunked = fc.array(fc.string({ unit: 'grapheme-ascii', minLength: 1, maxLength: 20 }), {
  maxLength: 4,
});
const header = (length: number): fc.Arbitrary<string> =>
  fc.oneof(
    {
      weight: 6,
      arbitrary: fc.constantFrom('ETag: "e"', 'Date: now', 'x-amz-version-id: v', 'Connection: keep-alive'),
    },
    { weight: 4, arbitrary: fc.constant(`Content-Range: bytes 0-${length - 1}/100`) },
    {
      weight: 3,
      arbitrary: fc.constantFrom(
        `Content-Length: ${length}`,
        `Content-Length: ${length + 1}`,
        `Content-Length: ${length}, ${length}`,
        `Content-Length: 0${length}`,
        `Content-Length: +${length}`,
        `Content-Length : ${length}`,
        `Content-Length:\t${length}\t`,
        'Content-Length:',
        'Transfer-Encoding: chunked',
        'Transfer-Encoding: identity',
        'Transfer-Encoding:\u000bchunked',
        'Transfer-Encoding: xchunked',
        'Transfer-Encoding: chunked, gzip',
        'Content-Encoding: gzip',
        'Connection: close',
        'Connection: upgrade',
        'Upgrade: h2c',
        'Trailer: x',
        'Content-Range: bytes */100',
        'Content-Range: bytes 5-9/100',
        'ETag: "f"',
        'x: \u00e4',
        'x\u00e4: 1',
        ': 1',
        'x',
      ),
    },
  );

/** An answer that is right, or nearly. */
const answer = fc.oneof(body, chunked).chain((content) => {
  const text =
    typeof content === 'string'
      ? content
      : `${content.map((chunk) => `${chunk.length.toString(16)}\r\n${chunk}\r\n`).join('')}0\r\n\r\n`;
  const framing =
    typeof content === 'string' ? `Content-Length: ${text.length}` : 'Transfer-Encoding: chunked';
  return fc
    .record({
      status,
      framing: fc.oneof(
        { weight: 9, arbitrary: fc.constant([framing]) },
        { weight: 1, arbitrary: fc.constant([]) },
      ),
      headers: fc.array(header(text.length), { maxLength: 3 }),
      ends: fc.array(lineEnd, { minLength: 8, maxLength: 8 }),
      rest: fc.oneof(
        { weight: 5, arbitrary: fc.constant('') },
        {
          weight: 1,
          arbitrary: fc.constantFrom('x', '\r\n', 'HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n'),
        },
      ),
    })
    .map((parts) => {
      const lines = [parts.status, ...parts.framing, ...parts.headers];
      const head = lines.map((line, index) => `${line}${parts.ends[index] ?? '\r\n'}`).join('');
      return Buffer.from(`${head}\r\n${text}${parts.rest}`, 'latin1');
    });
});

/** And then damaged: one byte changed, removed or doubled, or all of it cut short. */
const wire = fc
  .record({
    bytes: answer,
    damage: fc.option(
      fc.record({
        at: fc.nat(200),
        kind: fc.constantFrom('change', 'remove', 'double', 'cut'),
        byte: fc.nat(255),
      }),
      {
        freq: 2,
      },
    ),
    cuts: fc.array(fc.nat(300), { maxLength: 4 }),
  })
  .map(({ bytes, damage, cuts }) => {
    const damaged = damage === null ? bytes : harm(bytes, damage);
    const at = [0, ...cuts.filter((cut) => cut < damaged.length).sort((a, b) => a - b), damaged.length];
    return { pieces: at.slice(1).map((end, index) => damaged.subarray(at[index], end)) };
  });

function harm(bytes: Buffer, { at, kind, byte }: { at: number; kind: string; byte: number }): Buffer {
  const place = at % Math.max(1, bytes.length);
  const [before, after] = [bytes.subarray(0, place), bytes.subarray(place + 1)];
  if (kind === 'cut') return before;
  if (kind === 'remove') return Buffer.concat([before, after]);
  if (kind === 'change') return Buffer.concat([before, Buffer.of(byte), after]);
  return Buffer.concat([before, bytes.subarray(place, place + 1), bytes.subarray(place)]);
}

describe('the fast reader', () => {
  it('accepts nothing that undici does not accept, nor reads it in another way', async () => {
    let [run, accepted] = [0, 0];
    await fc.assert(
      fc.asyncProperty(wire, async (sent) => {
        run += 1;
        const path = `/${run}`;
        wires.set(path, sent);
        const mine = await get(fast, path);
        if (mine !== undefined) {
          accepted += 1;
          expect(mine).toEqual(await get(undici, path));
        }
        wires.delete(path);
        expect(pool.lentBlocks).toBe(0);
      }),
      { numRuns: 1_500 },
    );
    expect(accepted, 'runs that were accepted at all').toBeGreaterThan(100);
  });
});

import { createServer } from 'node:http';
import { createHash } from 'node:crypto';
import { rm } from 'node:fs/promises';
import { fork } from 'node:child_process';
import { downloadUrl, download } from '/work/main/consumers/download/index.ts';
import { SecretUrl } from '/work/main/shared/secret.ts';
if (process.argv[2] === 'server') {
  const size = 768 * 1024 ** 2; const block = Buffer.alloc(1 << 20, 7);
  const s = createServer(async (req, res) => {
    const m = /bytes=(\d+)-(\d+)/.exec(req.headers.range ?? ''); const [a, b] = m ? [+m[1]!, Math.min(+m[2]!, size - 1)] : [0, size - 1];
    res.writeHead(m ? 206 : 200, { etag: '"e"', 'content-length': b - a + 1, ...(m ? { 'content-range': `bytes ${a}-${b}/${size}` } : {}) });
    for (let left = b - a + 1; left > 0;) { const n = Math.min(left, block.length); left -= n; if (!res.write(block.subarray(0, n))) await new Promise((r) => res.once('drain', r)); }
    res.end();
  });
  s.listen(0, '127.0.0.1', () => process.send!((s.address() as any).port));
} else {
  process.on('warning', (w) => console.log('WARN', w.name, w.message));
  const child = fork(new URL(import.meta.url).pathname, ['server'], { execArgv: ['--import', 'tsx'] });
  const port = await new Promise<number>((r) => child.once('message', r as any));
  for (const connections of [1, 4, 32]) {
    const t = performance.now(); const cpu = process.cpuUsage();
    const r = await downloadUrl(new SecretUrl(`http://127.0.0.1:${port}/k`), { path: '/tmp/p4bench.bin' }, { connections });
    const s = (performance.now() - t) / 1000; const c = process.cpuUsage(cpu);
    console.log(connections, Math.round(r.sizeBytes / s / 1e6), 'MB/s', 'cpu s', ((c.user + c.system) / 1e6).toFixed(2), 'rss MB', Math.round(process.memoryUsage().rss / 1e6));
  }
  await rm('/tmp/p4bench.bin'); child.kill();
}

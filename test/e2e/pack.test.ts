import { execFile } from 'node:child_process';
import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startUp, tempDir } from '../helpers/cli.ts';
import { sha256Of, writeRandomFile } from '../helpers/files.ts';

const exec = promisify(execFile);
const ROOT = fileURLToPath(new URL('../..', import.meta.url));

/** An empty project with the packed tarball installed, and nothing else of this repository. */
describe('the packed tarball, installed into an empty project', () => {
  let dir: Awaited<ReturnType<typeof tempDir>>;
  let project: string;

  beforeAll(async () => {
    dir = await tempDir();
    project = join(dir.path, 'app');
    await mkdir(project);
    const packed = await exec('npm', ['pack', '--json', '--ignore-scripts', '--pack-destination', dir.path], {
      cwd: ROOT,
    });
    const [{ filename }] = JSON.parse(packed.stdout) as [{ filename: string }];
    await writeFile(
      join(project, 'package.json'),
      JSON.stringify({ name: 'app', private: true, type: 'module' }),
    );
    await exec('npm', ['install', '--no-audit', '--no-fund', join(dir.path, filename)], { cwd: project });
  }, 180_000);
  afterAll(() => dir[Symbol.asyncDispose]());

  it('has every entry point, with types, and no source or test', async () => {
    const code = `
      const { version, exports } = (await import('waybill/package.json', { with: { type: 'json' } })).default;
      const modules = [];
      // waybill/infra needs aws-cdk-lib, an optional peer
      const others = new Set(['./package.json', './infra']);
      for (const path of Object.keys(exports).filter((path) => !others.has(path))) {
        const module = await import(path.replace('.', 'waybill'));
        if (Object.keys(module).length < 3) throw new Error(path);
        modules.push(module);
      }
      // Entries share their classes
      const [all] = modules;
      for (const module of modules)
        for (const [name, value] of Object.entries(module))
          if (name in all && all[name] !== value) throw new Error(name);
      console.log(version);`;
    const { stdout } = await exec(process.execPath, ['--input-type=module', '-e', code], { cwd: project });
    expect(stdout.trim()).toBe(JSON.parse(await readFile(join(ROOT, 'package.json'), 'utf8')).version);
    const installed = await readdir(join(project, 'node_modules', 'waybill'));
    expect(installed.sort()).toEqual(['CHANGELOG.md', 'README.md', 'dist', 'docs', 'infra', 'package.json']);
    const sources = await readdir(join(project, 'node_modules', 'waybill', 'infra'), { recursive: true });
    expect(sources.sort()).toEqual(['consumer-service', 'consumer-service/Dockerfile']);
  });

  it('has the command', async () => {
    const { stdout } = await exec('npx', ['--no-install', 'waybill', '--help'], { cwd: project });
    expect(stdout).toContain('publish');
  });

  it('has the program of the threads that receive', async () => {
    const code = `
      import { createServer } from 'node:http';
      import { createBlockPool, createTransport, downloadUrl, SecretUrl } from 'waybill/download';
      const bytes = Buffer.alloc(2 ** 20, 'x');
      const server = createServer((req, res) => {
        const [, from, to] = /bytes=(\\d+)-(\\d+)/.exec(req.headers.range);
        const part = bytes.subarray(Number(from), Number(to) + 1);
        res.writeHead(206, { etag: '"e"', 'content-length': part.length, 'content-range': \`bytes \${from}-\${to}/\${bytes.length}\` });
        res.end(part);
      });
      server.listen(0, '127.0.0.1', async () => {
        const pool = createBlockPool();
        const transport = createTransport({ threads: 2, threadsFromBytes: 0, pool });
        const url = new SecretUrl('http://127.0.0.1:' + server.address().port + '/');
        const options = { transport, size: bytes.length, singleGetBelowBytes: 0, partSizeBytes: 2 ** 17 };
        const { sizeBytes } = await downloadUrl(url, { path: 'received.bin' }, options);
        console.log(sizeBytes, pool.heldBytes);
        await transport.close();
        server.closeAllConnections();
        server.close();
      });`;
    const { stdout } = await exec(process.execPath, ['--input-type=module', '-e', code], { cwd: project });
    expect(stdout.trim()).toBe(`${2 ** 20} 0`);
  });

  it("runs the README's producer and consumer, type-checked", async () => {
    const readme = await readFile(join(ROOT, 'README.md'), 'utf8');
    for (const [, name = '', source = ''] of readme.matchAll(
      /<!-- example: (\S+) -->\s*```ts\n([\s\S]*?)```/g,
    )) {
      expect(source.split('\n').filter((line) => line.trim() !== '').length).toBeLessThanOrEqual(15);
      await writeFile(join(project, name), source);
    }
    await writeFile(
      join(project, 'tsconfig.json'),
      JSON.stringify({
        compilerOptions: {
          target: 'ES2023',
          lib: ['ES2023', 'ESNext.Disposable'],
          module: 'NodeNext',
          strict: true,
          skipLibCheck: false,
          types: ['node'],
          typeRoots: [join(ROOT, 'node_modules', '@types')],
          outDir: 'out',
        },
        include: ['*.ts'],
      }),
    );
    await exec(join(ROOT, 'node_modules', '.bin', 'tsc'), ['-p', 'tsconfig.json'], { cwd: project }).catch(
      (error: { stdout: string }) => {
        throw new Error(error.stdout);
      },
    );

    const up = await startUp(dir.path);
    const env = { PATH: process.env['PATH'] ?? '', ...up.env };
    const file = join(dir.path, 'report.pdf');
    await writeRandomFile(file, 20_000_000);
    const produced = await exec(process.execPath, ['out/producer.js', file], { cwd: project, env });
    const id = /published (\S+)/.exec(produced.stdout)?.[1] ?? '';
    const consumer = execFile(process.execPath, ['out/consumer.js'], { cwd: project, env });
    const line = await new Promise<string>((resolve, reject) => {
      consumer.stdout?.on('data', (text: string) => resolve(text));
      let stderr = '';
      consumer.stderr?.on('data', (text: string) => (stderr += text));
      consumer.on('close', (code) => reject(new Error(`the consumer ended with ${code}: ${stderr}`)));
    });
    expect(line).toContain('2026-10: ');
    expect(await sha256Of(join(project, 'inbox', id, 'files', 'report.pdf'))).toBe(await sha256Of(file));
    const ended = new Promise((resolve) => consumer.on('exit', resolve));
    consumer.kill('SIGTERM');
    expect(await ended).toBe(0);
    up.kill('SIGTERM');
    await up.done;
  }, 180_000);
});

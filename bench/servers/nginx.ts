import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { programs } from '../harness/programs.ts';
import { makeCertificates } from './certificates.ts';
import { startProgram, stop } from './child.ts';
import { freePorts } from './free-port.ts';

/** nginx over one directory. */
export interface Nginx extends AsyncDisposable {
  /** Origins, without a slash at the end. */
  readonly plain: string;
  readonly tls: string;
  /** At most 85 MiB/s for every connection. */
  readonly capped: string;
  /** PEM file of the authority that `tls` is vouched for by. */
  readonly authority: string;
}

/**
 * What AWS plans with for one connection to S3, in MiB/s.
 * @see https://docs.aws.amazon.com/whitepapers/latest/s3-optimizing-performance-best-practices/horizontal-scaling-and-request-parallelization-for-high-throughput.html
 */
const CAPPED_MIB_PER_SECOND = 85;

/** Starts nginx over `root`, on loopback. @throws {Error} when it does not come up */
export async function startNginx(root: string): Promise<Nginx> {
  const dir = await mkdtemp(join(tmpdir(), 'waybill-nginx-'));
  const certificates = await makeCertificates(dir);
  const [plain = 0, tls = 0, capped = 0] = await freePorts(3);
  const conf = join(dir, 'nginx.conf');
  await writeFile(conf, configuration({ dir, root, plain, tls, capped, certificates }));
  const child = startProgram({ program: programs().nginx, args: ['-p', dir, '-c', conf, '-e', 'stderr'] });
  const close = async (): Promise<void> => {
    await stop(child);
    await rm(dir, { recursive: true, force: true });
  };
  try {
    await untilServing(`http://127.0.0.1:${plain}/-/ready`);
  } catch (error) {
    await close();
    throw error;
  }
  return {
    plain: `http://127.0.0.1:${plain}`,
    tls: `https://127.0.0.1:${tls}`,
    capped: `http://127.0.0.1:${capped}`,
    authority: certificates.authority,
    [Symbol.asyncDispose]: close,
  };
}

interface Configuration {
  readonly dir: string;
  readonly root: string;
  readonly plain: number;
  readonly tls: number;
  readonly capped: number;
  readonly certificates: { readonly certificate: string; readonly key: string };
}

function configuration({ dir, root, plain, tls, capped, certificates }: Configuration): string {
  const user = process.getuid?.() === 0 ? 'user root;' : '';
  const scratch = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi']
    .map((name) => `  ${name}_temp_path ${join(dir, name)};`)
    .join('\n');
  return `
${user}
daemon off;
pid ${join(dir, 'pid')};
error_log stderr warn;
worker_processes auto;
events { worker_connections 1024; }
http {
${scratch}
  access_log off;
  default_type application/octet-stream;
  sendfile on;
  tcp_nopush on;
  keepalive_requests 1000000;
  root ${root};
  server {
    listen 127.0.0.1:${plain};
    location = /-/ready { return 204; }
  }
  server { listen 127.0.0.1:${capped}; limit_rate ${CAPPED_MIB_PER_SECOND}m; }
  server {
    listen 127.0.0.1:${tls} ssl;
    ssl_protocols TLSv1.2 TLSv1.3;
    ssl_certificate ${certificates.certificate};
    ssl_certificate_key ${certificates.key};
  }
}
`;
}

/** Asks until an answer comes, whatever it says; at most 5 seconds. */
async function untilServing(url: string): Promise<void> {
  for (let tries = 0; ; tries += 1) {
    try {
      await (await fetch(url)).body?.cancel();
      return;
    } catch (error) {
      if (tries >= 100) throw new Error('nginx does not answer', { cause: error });
      await sleep(50);
    }
  }
}

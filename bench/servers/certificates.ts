import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { run } from '../harness/measure.ts';
import { programs } from '../harness/programs.ts';

/** Paths of PEM files. */
export interface Certificates {
  readonly authority: string;
  readonly certificate: string;
  readonly key: string;
}

const AUTHORITY = 'req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 1'.split(' ');
const REQUEST = 'req -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -subj /CN=127.0.0.1'.split(' ');
const SIGN = 'x509 -req -CAcreateserial -days 1'.split(' ');

/** Makes an authority that lives a day, and a certificate of it for 127.0.0.1. */
export async function makeCertificates(dir: string): Promise<Certificates> {
  const path = (name: string): string => join(dir, name);
  const openssl = async (
    flags: readonly string[],
    files: Readonly<Record<string, string>>,
  ): Promise<unknown> =>
    await run({
      program: programs().openssl,
      args: [...flags, ...Object.entries(files).flatMap(([flag, name]) => [`-${flag}`, path(name)])],
    });
  await openssl([...AUTHORITY, '-subj', '/CN=Waybill bench authority'], { keyout: 'ca.key', out: 'ca.pem' });
  await openssl(REQUEST, { keyout: 'server.key', out: 'server.csr' });
  await writeFile(path('server.ext'), 'subjectAltName=IP:127.0.0.1,DNS:localhost\n');
  const files = { in: 'server.csr', CA: 'ca.pem', CAkey: 'ca.key', extfile: 'server.ext', out: 'server.pem' };
  await openssl(SIGN, files);
  return { authority: path('ca.pem'), certificate: path('server.pem'), key: path('server.key') };
}

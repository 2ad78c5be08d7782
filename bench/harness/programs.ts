import { existsSync } from 'node:fs';

/** Debian package of each program. */
const PACKAGES = {
  nginx: ['/usr/sbin/nginx', 'nginx-light'],
  curl: ['/usr/bin/curl', 'curl'],
  aria2: ['/usr/bin/aria2c', 'aria2'],
  rclone: ['/usr/bin/rclone', 'rclone'],
  aws: ['/usr/bin/aws', 'awscli'],
  time: ['/usr/bin/time', 'time'],
  openssl: ['/usr/bin/openssl', 'openssl'],
} as const;

/** Absolute paths: a shim of another version manager must not slip in. */
export type Programs = Readonly<Record<keyof typeof PACKAGES, string>>;

/** Where the programs are. @throws {Error} naming the Debian packages that are missing */
export function programs(): Programs {
  const missing = Object.values(PACKAGES).filter(([path]) => !existsSync(path));
  if (missing.length > 0) {
    throw new Error(`these are missing: apt-get install ${missing.map(([, name]) => name).join(' ')}`);
  }
  return Object.fromEntries(Object.entries(PACKAGES).map(([name, [path]]) => [name, path])) as Programs;
}

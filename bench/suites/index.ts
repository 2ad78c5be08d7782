import { cappedSuite } from './capped.ts';
import { downloadSuite } from './download.ts';
import { refetchSuite } from './refetch.ts';
import { smallSuite } from './small.ts';
import type { Suite } from './suite.ts';
import { tlsSuite } from './tls.ts';
import { uploadSuite } from './upload.ts';
import { workerSuite } from './worker.ts';

/** All suites, in the order of `all`. */
export const suites: readonly Suite[] = [
  downloadSuite,
  cappedSuite,
  tlsSuite,
  smallSuite,
  uploadSuite,
  refetchSuite,
  workerSuite,
];

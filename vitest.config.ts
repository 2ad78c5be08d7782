import { fileURLToPath } from 'node:url';
import { defineConfig } from 'vitest/config';
import { LongestFirst } from './test/helpers/longest-first.ts';
import { isRadosgwInstalled } from './test/conformance/radosgw/start-radosgw.ts';

const project = (name: string, include: string[], testTimeout: number, extra: object = {}) => ({
  extends: true as const,
  test: { name, include, testTimeout, hookTimeout: 30_000, environment: 'node' as const, ...extra },
});

/** Ceph's gateway as a second opinion: where it is installed, and where its absence shall be an error. */
const withRadosgw =
  process.env['WAYBILL_CONFORMANCE_ENDPOINT'] === undefined &&
  (isRadosgwInstalled() || process.env['WAYBILL_CONFORMANCE_RADOSGW'] === 'required');

/** Examples import the package by its public names; tests run them against the sources. */
const source = (path: string): string => fileURLToPath(new URL(path, import.meta.url));
const alias = [
  { find: /^waybill$/, replacement: source('index.ts') },
  { find: /^waybill\/events$/, replacement: source('shared/events/index.ts') },
  { find: /^waybill\/(producers|consumers|local)$/, replacement: source('$1/index.ts') },
];

export default defineConfig({
  resolve: { alias },
  test: {
    // All cores: much of what tests do is waiting. Vitest's own choice leaves one idle.
    maxWorkers: '100%',
    sequence: { sequencer: LongestFirst },
    env: { AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED: 'true' },
    projects: [
      project('unit', ['test/unit/**/*.test.ts'], 10_000),
      project('property', ['test/property/**/*.test.ts'], 120_000),
      project('integration', ['test/integration/**/*.test.ts'], 60_000),
      project('infra', ['test/infra/**/*.test.ts'], 60_000),
      project('conformance', ['test/conformance/*.test.ts'], 60_000),
      ...(withRadosgw
        ? [
            project('conformance-radosgw', ['test/conformance/conformance.test.ts'], 60_000, {
              globalSetup: ['test/conformance/radosgw/global-setup.ts'],
            }),
          ]
        : []),
      // By hand, and in CI with fewer events: `npm run test:soak`.
      project('soak', ['test/soak/**/*.test.ts'], 1_200_000),
      // Chromium against `waybill up`; the page under test is the built one.
      project('browser', ['test/browser/**/*.test.ts'], 240_000, {
        globalSetup: ['test/helpers/build-page-once.ts'],
        fileParallelism: false,
      }),
      // They wait as much as they work; no more at a time, for their bounds are made for a machine of two cores.
      project('e2e', ['test/e2e/**/*.test.ts'], 600_000, {
        globalSetup: ['test/helpers/build-once.ts'],
        hookTimeout: 60_000,
        maxWorkers: 2,
        sequence: { groupOrder: 1 },
      }),
    ],
  },
});

import { defineConfig } from 'vitest/config';

const project = (name: string, include: string[], testTimeout: number) => ({
  test: { name, include, testTimeout, hookTimeout: 30_000, environment: 'node' as const },
});

export default defineConfig({
  test: {
    env: { AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED: 'true' },
    projects: [
      project('unit', ['test/unit/**/*.test.ts'], 10_000),
      project('property', ['test/property/**/*.test.ts'], 120_000),
      project('integration', ['test/integration/**/*.test.ts'], 60_000),
      project('e2e', ['test/e2e/**/*.test.ts'], 600_000),
    ],
  },
});

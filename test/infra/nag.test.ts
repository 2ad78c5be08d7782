import { AwsSolutionsChecks } from 'cdk-nag';
import { describe, expect, it } from 'vitest';
import { Validations } from 'aws-cdk-lib';
import type { ExchangeStack } from '../../infra/index.ts';
import { synthEverything } from './everything.ts';
import { synth } from './synth.ts';

/** Findings that nobody has explained, and the explanations given. */
function check(stack: ExchangeStack) {
  const { violations } = new AwsSolutionsChecks().validateScope(stack);
  const findings = violations.flatMap(({ ruleName, violatingResources }) =>
    violatingResources.map(({ constructPath }) => `${ruleName} at ${constructPath ?? '?'}`),
  );
  const reasons = stack.node
    .findAll()
    .flatMap(({ node }) => node.metadata)
    .filter(({ type }) => type === Validations.ACKNOWLEDGED_RULES_METADATA_KEY)
    .flatMap(({ data }) => Object.entries(data as Record<string, string>));
  return { findings, reasons };
}

describe("cdk-nag's AWS Solutions", () => {
  const partners = {
    issuer: 'https://login.example.com',
    audience: ['waybill'],
    clients: { acme: { caller: 'acme', types: '*', prefixes: ['payloads/scanner/'] } },
  } as const;

  it.each<[string, () => { readonly stack: ExchangeStack }]>([
    ['the exchange', () => synth()],
    ['an exchange with all that there is', () => synthEverything({ encryptionKey: 'new', partners })],
  ])('finds nothing unexplained in %s', (_what, made) => {
    const { findings, reasons } = check(made().stack);
    expect(findings).toEqual([]);
    expect(reasons.length).toBeGreaterThan(5);
    for (const [rule, reason] of reasons) {
      expect(rule).toMatch(/AwsSolutions-/);
      expect(reason.split(' ').length, `the reason for ${rule}`).toBeGreaterThanOrEqual(4);
    }
  });
});

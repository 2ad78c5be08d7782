import { AwsSolutionsChecks } from 'cdk-nag';
import { describe, expect, it } from 'vitest';
import { Validations } from 'aws-cdk-lib';
import type { ExchangeStackProps } from '../../infra/index.ts';
import { synth } from './synth.ts';

/** Findings that nobody has explained, and the explanations given. */
function check(props: Partial<ExchangeStackProps>) {
  const { stack } = synth(props);
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
  it.each<[string, Partial<ExchangeStackProps>]>([
    ['the exchange', {}],
    ['with a key of its own', { encryptionKey: 'new' }],
    [
      'with partners',
      {
        partners: {
          issuer: 'https://login.example.com',
          audience: ['waybill'],
          clients: { acme: { caller: 'acme', types: '*', prefixes: ['payloads/scanner/'] } },
        },
      },
    ],
  ])('finds nothing unexplained in %s', (_what, props) => {
    const { findings, reasons } = check(props);
    expect(findings).toEqual([]);
    expect(reasons.length).toBeGreaterThan(5);
    for (const [rule, reason] of reasons) {
      expect(rule).toMatch(/AwsSolutions-/);
      expect(reason.split(' ').length, `the reason for ${rule}`).toBeGreaterThanOrEqual(4);
    }
  });
});

import { readFile } from 'node:fs/promises';
import { describe, expect, it } from 'vitest';
import { cases } from './cases/index.ts';
import { renderPage } from './documentation.ts';
import { expectFailure } from './expect-error.ts';
import { differencesByReason, expectedDifferences } from './expected-differences.ts';
import type { EndpointKind } from './target.ts';
import { targetFromEnvironment } from './target.ts';

const ids = new Set(cases.map(({ id }) => id));
const kinds = Object.keys(differencesByReason) as EndpointKind[];

describe('the catalogue of cases', () => {
  it('holds at least 150, each under a name of its own', () => {
    expect(cases.length).toBeGreaterThanOrEqual(150);
    expect(ids.size).toBe(cases.length);
    for (const id of ids) expect(id).toMatch(/^[a-z0-9-]+(\.[a-zA-Z0-9-]+)+$/);
  });

  it('cites a page of AWS or of a standard for every case', () => {
    const pages = /^https:\/\/(?:docs\.aws\.amazon\.com|www\.rfc-editor\.org)\//;
    for (const { id, source } of cases) expect(source, id).toMatch(pages);
  });

  it.each(kinds)('knows every case that is expected to differ on %s', (kind) => {
    expect(Object.keys(expectedDifferences(kind)).filter((id) => !ids.has(id))).toEqual([]);
  });

  it('is what docs/conformance.md tells of it', async () => {
    const page = await readFile(new URL('../../docs/conformance.md', import.meta.url), 'utf8');
    expect(renderPage(page), 'run npx tsx test/conformance/update-docs.ts').toBe(page);
  });
});

describe('an expected difference', () => {
  it('fails the run once its case passes, and only then', async () => {
    await expectFailure(async () => await Promise.reject(new Error('as listed')));
    await expect(expectFailure(async () => {})).rejects.toThrow('take it off the list');
  });
});

describe('the endpoint in the environment', () => {
  const named = {
    WAYBILL_CONFORMANCE_ENDPOINT: 'https://s3.example.org/',
    WAYBILL_CONFORMANCE_ACCESS_KEY_ID: 'id',
    WAYBILL_CONFORMANCE_SECRET_ACCESS_KEY: 'secret',
  };

  it('is the embedded stack if none is named', () => {
    expect(targetFromEnvironment({})).toBeUndefined();
  });

  it('is the one that is named', () => {
    expect(targetFromEnvironment(named)).toEqual({
      kind: 'other',
      endpoint: 'https://s3.example.org',
      region: 'us-east-1',
      credentials: { accessKeyId: 'id', secretAccessKey: 'secret' },
      virtualHost: 's3.example.org',
    });
  });

  it('fails without credentials, or for a kind that nobody knows', () => {
    const { WAYBILL_CONFORMANCE_ACCESS_KEY_ID: _, ...anonymous } = named;
    expect(() => targetFromEnvironment(anonymous)).toThrow(TypeError);
    expect(() => targetFromEnvironment({ ...named, WAYBILL_CONFORMANCE_KIND: 'x' })).toThrow(TypeError);
  });
});

import { describe, expect, it } from 'vitest';
import { sweeperFunction } from '../../../../producers/index.ts';

const store = '{"bucket":"payloads","region":"eu-central-1"}';
const env = {
  AWS_REGION: 'eu-central-1',
  WAYBILL_STORES: `{"main":${store}}`,
  WAYBILL_CONTROL: store,
  WAYBILL_PRODUCERS: '["billing"]',
};

describe("the sweeper's function", () => {
  it('takes its environment', () => {
    expect(sweeperFunction(env)).toBeTypeOf('function');
  });

  it.each([
    [{ WAYBILL_STORES: undefined }, 'WAYBILL_STORES: '],
    [{ WAYBILL_CONTROL: '{' }, 'WAYBILL_CONTROL: expected JSON'],
    [{ WAYBILL_CONTROL: '{"bucket":"payloads"}' }, 'WAYBILL_CONTROL.region: '],
    [{ WAYBILL_STORES: '{"main":{"bucket":"X","region":"r"}}' }, 'stores.main.bucket: '],
    [{ WAYBILL_PRODUCERS: 'billing' }, 'WAYBILL_PRODUCERS: expected JSON'],
    [{ WAYBILL_PRODUCERS: '[]' }, 'WAYBILL_PRODUCERS: '],
    [{ WAYBILL_DELETE: 'yes' }, 'WAYBILL_DELETE: '],
    [{ WAYBILL_GRACE_SECONDS: '-1' }, 'WAYBILL_GRACE_SECONDS: '],
    [{ AWS_REGION: undefined }, 'AWS_REGION: '],
  ])('refuses %j', (wrong, message) => {
    expect(() => sweeperFunction({ ...env, ...wrong })).toThrow(TypeError);
    expect(() => sweeperFunction({ ...env, ...wrong })).toThrow(message);
  });
});

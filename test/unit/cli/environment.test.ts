import { describe, expect, it } from 'vitest';
import { controlOf, optionalControlOf, readEnvironment } from '../../../cli/environment.ts';

const CONTROL = '{"bucket":"exchange-control","region":"eu-central-1"}';

describe('the control bucket of the environment', () => {
  it('comes from the flag, else from WAYBILL_CONTROL', () => {
    const env = readEnvironment({ WAYBILL_CONTROL: CONTROL });
    expect(controlOf(env, undefined)).toEqual({ bucket: 'exchange-control', region: 'eu-central-1' });
    expect(controlOf(env, CONTROL.replace('exchange', 'other'))).toMatchObject({ bucket: 'other-control' });
    expect(optionalControlOf(env, undefined)).toEqual({ control: JSON.parse(CONTROL) as object });
  });

  it('may be absent only where the command says so', () => {
    const env = readEnvironment({});
    expect(optionalControlOf(env, undefined)).toEqual({});
    expect(() => controlOf(env, undefined)).toThrow(
      '--control: missing; give the flag or set WAYBILL_CONTROL',
    );
  });

  it('is refused by field', () => {
    expect(() => controlOf(readEnvironment({}), '{"bucket":"x"}')).toThrow(
      /^--control \(WAYBILL_CONTROL\)\.bucket: got "x", expected a bucket name/,
    );
  });
});

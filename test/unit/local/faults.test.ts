import { describe, expect, it } from 'vitest';

import { createFaultSwitch, type Fault, type FaultTarget } from '../../../local/faults.ts';

const get: FaultTarget = { service: 's3', operation: 'GetObject', method: 'GET', bucket: 'b', key: 'dir/a' };
const cut: Fault = { kind: 'cut', afterBytes: 1 };
const flip: Fault = { kind: 'flip-byte', at: 0 };

describe('createFaultSwitch', () => {
  it('hits the first matching request once by default', () => {
    const faults = createFaultSwitch([{ faults: cut }]);
    expect([faults.take(get), faults.take(get), faults.hits]).toEqual([[cut], [], 1]);
  });

  it('skips, then hits as often as told', () => {
    const faults = createFaultSwitch();
    faults.add({ skip: 1, times: 2, faults: cut });
    expect([1, 2, 3, 4].map(() => faults.take(get).length)).toEqual([0, 1, 1, 0]);
  });

  it('hits for ever with Infinity, until removed', () => {
    const faults = createFaultSwitch();
    const remove = faults.add({ times: Infinity, faults: [cut, flip] });
    for (let n = 0; n < 100; n += 1) expect(faults.take(get)).toEqual([cut, flip]);
    remove();
    expect(faults.take(get)).toEqual([]);
  });

  it('gives the faults of all rules that match, and none after clear', () => {
    const faults = createFaultSwitch([
      { times: 2, faults: cut },
      { times: 2, faults: flip },
    ]);
    expect(faults.take(get)).toEqual([cut, flip]);
    faults.clear();
    expect([faults.take(get), faults.hits]).toEqual([[], 1]);
  });

  it.each<[object, boolean]>([
    [{ service: 's3' }, true],
    [{ service: 'sqs' }, false],
    [{ operation: 'PutObject' }, false],
    [{ method: 'GET', bucket: 'b' }, true],
    [{ bucket: 'c' }, false],
    [{ key: 'dir/a' }, true],
    [{ key: 'a' }, false],
    [{ key: /^dir\//g }, true],
    [{ key: /z/ }, false],
    [{ presigned: true }, false],
    [{ presigned: false }, true],
  ])('matches %o: %s', (match, expected) => {
    const faults = createFaultSwitch([{ match, times: 2, faults: cut }]);
    expect([faults.take(get).length, faults.take(get).length]).toEqual(expected ? [1, 1] : [0, 0]);
  });

  it.each<[object, string]>([
    [{ faults: [] }, 'faults'],
    [{ skip: -1, faults: cut }, 'skip'],
    [{ times: 0, faults: cut }, 'times'],
    [{ faults: { kind: 'throttle', bytesPerSecond: 0 } }, 'bytesPerSecond'],
    [{ faults: { kind: 'stall', afterBytes: 1.5 } }, 'afterBytes'],
    [{ faults: { kind: 'cut', afterMs: -1 } }, 'afterMs'],
    [{ faults: { kind: 'status', status: 99 } }, 'status'],
    [{ faults: { kind: 'explode' } }, 'faults.kind'],
  ])('refuses the rule %o', (rule, field) => {
    expect(() => createFaultSwitch([rule as never])).toThrow(field);
  });
});

import { describe, expect, it } from 'vitest';
import { deadLetter, readRejection, REJECT_ATTRIBUTE, rejectId } from '../../../consumers/dead-letter.ts';
import { MAX_SQS_MESSAGE_BYTES } from '../../../shared/limits.ts';

const rejection = {
  rejectId: rejectId('arn:aws:sqs:eu-central-1:000000000000:orders', 'm-1'),
  code: 'event-parse',
  reason: 'no such thing',
  at: '2026-11-23T00:00:00.000Z',
  receiveCount: 1,
};
const text = (value: string) => ({ DataType: 'String', StringValue: value });

describe('deadLetter', () => {
  it('keeps the body and the original attributes, and adds one', () => {
    const { body, attributes } = deadLetter({ body: '{"a":1}', attributes: { trace: text('x') } }, rejection);
    expect(body).toBe('{"a":1}');
    expect(attributes['trace']).toEqual(text('x'));
    expect(readRejection(attributes)).toEqual(rejection);
  });

  it('keeps nine of ten original attributes, and replaces a rejection of before', () => {
    const attributes = Object.fromEntries(Array.from({ length: 10 }, (_, index) => [`a${index}`, text('v')]));
    const sent = deadLetter({ body: 'b', attributes }, rejection).attributes;
    expect(Object.keys(sent)).toHaveLength(10);
    expect(sent[REJECT_ATTRIBUTE]).toBeDefined();
    const again = deadLetter(
      { body: 'b', attributes: { [REJECT_ATTRIBUTE]: text('{}') } },
      rejection,
    ).attributes;
    expect(readRejection(again)).toEqual(rejection);
  });

  it('takes secrets out of the reason and cuts it to 1 KiB of JSON', () => {
    const reason = `GET https://b.example/k?X-Amz-Signature=abc failed ${'é\n'.repeat(2000)}`;
    const value = deadLetter({ body: 'b', attributes: {} }, { ...rejection, reason }).attributes[
      REJECT_ATTRIBUTE
    ]!.StringValue!;
    const cut = (JSON.parse(value) as { reason: string }).reason;
    expect(cut).not.toContain('abc');
    expect(cut.endsWith('…')).toBe(true);
    expect(value.length).toBeLessThan(1024 + 300);
    // oxlint-disable-next-line no-control-regex -- ASCII is what is looked for
    expect(value).toMatch(/^[\u0020-\u007e]+$/);
  });

  it.each([0, 10, 60, 120, 200, 400, 2000])('fits the limit when the body leaves %i bytes', (room) => {
    const body = 'x'.repeat(MAX_SQS_MESSAGE_BYTES - room);
    const sent = deadLetter(
      { body, attributes: { trace: text('y'.repeat(300)) } },
      { ...rejection, reason: 'z'.repeat(900) },
    );
    const bytes = Object.entries(sent.attributes).reduce(
      (sum, [name, value]) => sum + name.length + value.DataType!.length + value.StringValue!.length,
      sent.body.length,
    );
    expect(sent.body).toBe(body);
    expect(bytes).toBeLessThanOrEqual(MAX_SQS_MESSAGE_BYTES);
    if (room >= 200) expect(readRejection(sent.attributes)?.rejectId).toBe(rejection.rejectId);
  });
});

describe('rejectId', () => {
  it('is the same for the same message of the same queue only', () => {
    expect(rejectId('q', 'm')).toBe(rejectId('q', 'm'));
    expect(rejectId('q', 'm')).not.toBe(rejectId('q', 'n'));
    expect(rejectId('q', 'm')).toMatch(/^[0-9a-f]{64}$/);
  });
});

describe('readRejection', () => {
  it('passes over what is not a rejection', () => {
    expect(readRejection(undefined)).toBeUndefined();
    expect(readRejection({ [REJECT_ATTRIBUTE]: text('not json') })).toBeUndefined();
    expect(readRejection({ [REJECT_ATTRIBUTE]: text('1') })).toBeUndefined();
  });
});

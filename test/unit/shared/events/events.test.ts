import { readFileSync } from 'node:fs';
import { inspect } from 'node:util';
import { describe, expect, it } from 'vitest';
import { EventParseError, EventTooLargeError } from '../../../../shared/errors.ts';
import {
  parseEnvelope,
  parseEvent,
  parseManifest,
  serialiseEvent,
  serialiseForKeeping,
  serialiseManifest,
  type WaybillEvent,
} from '../../../../shared/events/index.ts';
import { redact } from '../../../../shared/redact.ts';

const fixture = (name: string): string =>
  readFileSync(new URL(`../../../fixtures/events/${name}`, import.meta.url), 'utf8');
const full = (): WaybillEvent => parseEvent(fixture('full.json'));

/** The full event as plain JSON, changed by `change`. */
function changed(change: (event: any) => void): string {
  const event = JSON.parse(fixture('full.json'));
  change(event);
  return JSON.stringify(event);
}

function errorOf(run: () => unknown): EventParseError {
  try {
    run();
  } catch (error) {
    expect(error).toBeInstanceOf(EventParseError);
    return error as EventParseError;
  }
  throw new Error('expected an EventParseError');
}

const SECRETS = ['deadbeef', 'AKIDEXAMPLE', 'c2lnbmF0dXJlLXNlY3JldA'];

describe('a golden event', () => {
  it('survives a round trip with every field, known or unknown', () => {
    const wire = JSON.parse(fixture('full.json'));
    expect(JSON.parse(serialiseEvent(full()).detail)).toEqual(wire);
  });

  it('gets its defaults when minimal', () => {
    const event = parseEvent(fixture('minimal.json'));
    expect(event.datacontenttype).toBe('application/json');
    expect(event.data.attachments).toEqual([]);
  });

  it('shows no secret when stringified, inspected, interpolated or redacted', () => {
    const event = full();
    const shown = [
      JSON.stringify(event),
      inspect(event, { depth: 10, showHidden: true }),
      String(event.data.attachments[0]?.claimCheck),
      `${event.data.attachments[0]?.access?.url.toString()}`,
      JSON.stringify(redact(event)),
    ];
    for (const text of shown) for (const secret of SECRETS) expect(text).not.toContain(secret);
    expect(shown[0]).toContain('https://payloads-example.s3.eu-central-1.amazonaws.com/payloads/');
  });

  it('keeps its claim check but not its URL when written beside files', () => {
    const kept = serialiseForKeeping(full());
    expect(kept).toContain('c2lnbmF0dXJlLXNlY3JldA');
    expect(kept).not.toContain('deadbeef');
  });
});

describe('parseEvent', () => {
  it.each([
    [
      'data.attachments[0].size',
      2 ** 60,
      'at most 53687091200000',
      (e: any) => (e.data.attachments[0].size = 2 ** 60),
    ],
    ['data.attachments[0].size', -1, 'at least 0', (e: any) => (e.data.attachments[0].size = -1)],
    ['data.attachments[0].size', 1.5, 'an integer', (e: any) => (e.data.attachments[0].size = 1.5)],
    [
      'data.attachments[0].name',
      '"../../etc/passwd"',
      'a relative path without "..", NUL or a leading "/"',
      (e: any) => (e.data.attachments[0].name = '../../etc/passwd'),
    ],
    [
      'data.attachments[0].name',
      '"/etc/passwd"',
      'a relative path without "..", NUL or a leading "/"',
      (e: any) => (e.data.attachments[0].name = '/etc/passwd'),
    ],
    [
      'data.attachments[0].name',
      '"C:\\\\boot.ini"',
      'a relative path without "..", NUL or a leading "/"',
      (e: any) => (e.data.attachments[0].name = 'C:\\boot.ini'),
    ],
    [
      'data.attachments[0].digest',
      '"md5=:AAAA:"',
      'RFC 9530',
      (e: any) => (e.data.attachments[0].digest = 'md5=:AAAA:'),
    ],
    [
      'data.attachments[0].versionId',
      'nothing',
      'string',
      (e: any) => delete e.data.attachments[0].versionId,
    ],
    ['data.attachments', 'nothing', 'array', (e: any) => delete e.data.attachments],
    ['waybillversion', 2, '1', (e: any) => (e.waybillversion = 2)],
    ['specversion', '"0.3"', '"1.0"', (e: any) => (e.specversion = '0.3')],
    ['source', '"aws.s3"', 'aws.', (e: any) => (e.source = 'aws.s3')],
    ['type', '"has space"', 'A-Z a-z 0-9', (e: any) => (e.type = 'has space')],
    ['id', '"nonsense"', 'UUID of version 7', (e: any) => (e.id = 'nonsense')],
    ['time', '"yesterday"', 'RFC 3339', (e: any) => (e.time = 'yesterday')],
    [
      'data.attachments[0].access.headers.authorization',
      '"Bearer',
      'no such field',
      (e: any) => (e.data.attachments[0].access.headers.authorization = 'Bearer abcdef'),
    ],
  ])('names %s, its value %s and what was expected', (path, value, expected, change) => {
    const [issue] = errorOf(() => parseEvent(changed(change))).issues;
    expect(issue?.path).toBe(path);
    expect(issue?.value).toContain(String(value));
    expect(issue?.expected).toContain(expected);
  });

  it('never shows the value of a bad URL or claim check', () => {
    const text = changed((event) => {
      event.data.attachments[0].access.url = 'ftp://host/x?X-Amz-Signature=deadbeef';
      event.data.attachments[0].claimCheck = 'deadbeef-not-a-jws';
    });
    const error = errorOf(() => parseEvent(text));
    expect(error.issues.map(({ path }) => path)).toEqual([
      'data.attachments[0].access.url',
      'data.attachments[0].claimCheck',
    ]);
    expect(error.message).not.toContain('deadbeef');
  });

  it('refuses two attachments with one id', () => {
    const text = changed((event) => event.data.attachments.push(event.data.attachments[0]));
    expect(errorOf(() => parseEvent(text)).message).toContain('ids that differ');
  });

  it('refuses 10 MB before parsing it, and text that is not JSON, without showing either', () => {
    expect(errorOf(() => parseEvent('x'.repeat(10_000_000))).message).toBe(
      'invalid event: event: got 10000000 bytes, expected at most 1048576 bytes',
    );
    expect(errorOf(() => parseEvent('<xml/>')).message).toContain('expected JSON');
  });

  it('lists ten issues at most', () => {
    const text = changed((event) => {
      event.data.attachments = Array.from({ length: 1000 }, () => 'no');
    });
    expect(errorOf(() => parseEvent(text)).issues).toHaveLength(10);
  });

  it('is not misled by a prototype in the JSON', () => {
    const event = parseEvent(
      fixture('minimal.json').replace('"data": {', '"data": { "__proto__": {"polluted": 1},'),
    );
    expect((event.data as { polluted?: unknown }).polluted).toBeUndefined();
    expect(({} as { polluted?: unknown }).polluted).toBeUndefined();
  });
});

describe('serialiseEvent', () => {
  const bulky = (count: number): WaybillEvent => {
    const event = full();
    const [first] = event.data.attachments;
    event.data.attachments = Array.from({ length: count }, (_, index) => ({ ...first!, id: `a${index}` }));
    return event;
  };

  it('counts bytes as EventBridge does', () => {
    const { detail, bytes } = serialiseEvent(full(), { resources: ['arn:aws:s3:::é'] });
    const expected =
      Buffer.byteLength(detail) + 'claims-portal'.length + 'claim.document.added'.length + 15 + 14;
    expect(bytes).toBe(expected);
  });

  it('drops access, and only that, over budget', () => {
    const whole = serialiseEvent(bulky(10));
    const lean = serialiseEvent(bulky(10), { budgetBytes: whole.bytes - 1 });
    expect(lean.droppedAccess).toBe(true);
    const [attachment] = JSON.parse(lean.detail).data.attachments;
    expect(attachment.access).toBeUndefined();
    expect(attachment.claimCheck).toBe(
      'eyJhbGciOiJFZERTQSJ9.eyJpc3MiOiJjbGFpbXMtcG9ydGFsIn0.c2lnbmF0dXJlLXNlY3JldA',
    );
    expect(parseEvent(lean.detail).data.attachments).toHaveLength(10);
  });

  it('keeps access at exactly the budget', () => {
    const { bytes } = serialiseEvent(bulky(3));
    expect(serialiseEvent(bulky(3), { budgetBytes: bytes }).droppedAccess).toBe(false);
  });

  it('fails when even that does not fit', () => {
    expect(() => serialiseEvent(bulky(10), { budgetBytes: 2000 })).toThrow(EventTooLargeError);
  });

  it.each([0, 1023, 1_000_001, 1.5, Number.NaN])(
    'refuses a budget of %s, naming the field',
    (budgetBytes) => {
      expect(() => serialiseEvent(full(), { budgetBytes })).toThrow(RangeError);
      expect(() => serialiseEvent(full(), { budgetBytes })).toThrow(`budgetBytes: got ${budgetBytes}`);
    },
  );
});

describe('a manifest', () => {
  it('survives a round trip without its URLs', () => {
    const text = serialiseManifest({ waybillversion: 1, attachments: full().data.attachments });
    expect(text).not.toContain('deadbeef');
    const manifest = parseManifest(text, 1_000_000);
    expect(manifest.attachments[0]?.claimCheck?.reveal()).toContain('c2lnbmF0dXJl');
    expect(manifest.attachments[0]?.['futureField']).toEqual([1, 2]);
  });
});

describe('parseEnvelope', () => {
  it('gives the envelope and the event', () => {
    const { envelope, event } = parseEnvelope(fixture('envelope.json'));
    expect(envelope).toMatchObject({ source: 'notes', detailType: 'note.taken', account: '123456789012' });
    expect(event.id).toBe('019a5b7e-6c00-7000-8000-000000000001');
  });

  it.each([
    ['detail.source', 'source'],
    ['detail.type', 'detail-type'],
  ])('refuses an event whose %s differs from the envelope', (path, field) => {
    const envelope = JSON.parse(fixture('envelope.json'));
    envelope[field] = 'other';
    const [issue] = errorOf(() => parseEnvelope(JSON.stringify(envelope))).issues;
    expect(issue).toMatchObject({ path, expected: `the envelope's ${field} "other"` });
  });

  it.each(['null', '[]', '"text"', '{}'])('refuses %s', (body) => {
    expect(errorOf(() => parseEnvelope(body)).disposition).toBe('reject');
  });
});

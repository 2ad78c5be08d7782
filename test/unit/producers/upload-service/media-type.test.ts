import { describe, expect, it } from 'vitest';
import {
  contradiction,
  essence,
  isAllowedMediaType,
} from '../../../../producers/upload-service/media-type.ts';

describe('a media type is allowed', () => {
  it.each([
    ['image/png', ['image/png'], true],
    ['IMAGE/PNG; charset=x', ['image/png'], true],
    ['image/png', ['image/*'], true],
    ['image/svg+xml', ['image/*'], false],
    ['image/svg+xml', ['image/svg+xml'], true],
    ['text/html', ['text/*'], false],
    ['text/plain', ['text/*'], true],
    ['text/html', ['*'], true],
    ['imagex/png', ['image/*'], false],
    ['application/pdf', [], false],
  ])('%s by %j: %s', (mediaType, allowed, expected) => {
    expect(isAllowedMediaType(mediaType, allowed)).toBe(expected);
  });

  it('whatever its case and parameters', () => {
    expect(essence(' Text/Plain ; charset=utf-8')).toBe('text/plain');
  });
});

describe('content', () => {
  const pdf = Buffer.from('%PDF-1.7\n%\u00e2\u00e3\n1 0 obj\n<<>>\nendobj\n', 'latin1');
  const zip = Buffer.from('504b0304140000000000', 'hex');
  const exe = Buffer.concat([Buffer.from('MZ'), Buffer.alloc(200)]);
  const text = Buffer.from('hello, this is plain text');

  it.each([
    ['a PDF', pdf, 'application/pdf', undefined],
    ['a PDF by its old name', pdf, 'application/x-pdf', undefined],
    ['a PDF as text', pdf, 'text/plain', 'application/pdf'],
    ['a PDF as an image', pdf, 'image/png', 'application/pdf'],
    ['text as an image', text, 'image/png', 'nothing that is known'],
    ['text as a PDF', text, 'application/pdf', 'nothing that is known'],
    ['text as text', text, 'text/plain', undefined],
    ['text as JSON', text, 'application/json', undefined],
    ['a ZIP as a document that is one inside', zip, 'application/vnd.oasis.opendocument.text', undefined],
    ['a ZIP as a PDF', zip, 'application/pdf', 'application/zip'],
    ['a program as an image', exe, 'image/jpeg', 'application/x-msdownload'],
    ['a program as bytes', exe, 'application/octet-stream', undefined],
    ['nothing', Buffer.alloc(0), 'image/png', undefined],
  ])('%s', async (_, head, declared, expected) => {
    expect(await contradiction(head, declared)).toBe(expected);
  });
});

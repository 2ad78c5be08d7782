import { describe, expect, it } from 'vitest';

import { toEnvelope } from '../../../../local/eventbridge/envelope.ts';
import { compileTemplate, InvalidJsonError } from '../../../../local/eventbridge/input-template.ts';
import { compilePath } from '../../../../local/eventbridge/json-path.ts';

const event = toEnvelope({
  id: '7bf73129',
  detailType: 'state',
  source: 'my.ec2',
  timeMs: Date.UTC(2015, 10, 11, 21, 29, 54),
  region: 'us-east-1',
  resources: ['arn:a', 'arn:b'],
  detail: { 'instance-id': 'i-1', state: 'RUNNING', tags: [{ k: 'x' }, { k: 'y' }], text: 'say "hi"', n: 3 },
});
const context = { ruleArn: 'arn:aws:events:r', ruleName: 'example', ingestedAtMs: 0 };
const InputPathsMap = {
  instance: '$.detail.instance-id',
  state: '$.detail.state',
  tags: '$.detail.tags',
  text: '$.detail.text',
  none: '$.detail.none',
};
const fill = (InputTemplate: string): string =>
  compileTemplate({ InputPathsMap, InputTemplate }, 't')(event, context);

describe('compileTemplate', () => {
  it.each([
    ['"instance <instance> is in <state>"', '"instance i-1 is in RUNNING"'],
    ['"instance \\"<instance>\\" is in <state>"', '"instance \\"i-1\\" is in RUNNING"'],
    ['{\n "instance" : <instance>,\n "state": <state>\n}', '{"instance":"i-1","state":"RUNNING"}'],
    ['{"a": "<state>", "b": [9, <state>, true]}', '{"a":"RUNNING","b":[9,"RUNNING",true]}'],
    ['<tags>', '[{"k":"x"},{"k":"y"}]'],
    ['{"text": <text>}', '{"text":"say \\"hi\\""}'],
    ['{"gone": <none>, "in": "<none>!"}', '{"gone":"","in":"!"}'],
    ['"<aws.events.rule-name> of <aws.events.rule-arn>"', '"example of arn:aws:events:r"'],
    ['{"at": <aws.events.event.ingestion-time>}', '{"at":"1970-01-01T00:00:00.000Z"}'],
    ['{"all": <aws.events.event.json>}', JSON.stringify({ all: event })],
    ['"a < b and \\\\"', '"a < b and \\\\"'],
  ])('fills %s', (template, filled) => {
    expect(fill(template)).toBe(filled);
  });

  it('gives the event without its detail as aws.events.event', () => {
    const { detail: _detail, ...rest } = event;
    expect(JSON.parse(fill('<aws.events.event>'))).toEqual(rest);
  });

  it('does not escape what it puts into a string, and fails if no JSON comes of it', () => {
    expect(() => fill('{"text": "<text>"}')).toThrow(InvalidJsonError);
  });

  it.each([
    ['instance <instance> is in <state>', 'not valid JSON'],
    ['{"a": <unknown>}', 'unknown is not in InputPathsMap'],
    [`"${'x'.repeat(8_192)}"`, 'too long'],
  ])('refuses %.40s', (template, reason) => {
    expect(() => fill(template)).toThrow(reason);
  });

  it('refuses paths it does not know, and more than 100 variables', () => {
    const compile = (paths: Record<string, string>) => (): unknown =>
      compileTemplate({ InputPathsMap: paths, InputTemplate: '"x"' }, 't');
    expect(compile({ a: '$..b' })).toThrow('the path of a is not valid');
    expect(compile({ 'a b': '$.b' })).toThrow('no name of a variable');
    const many = Object.fromEntries(Array.from({ length: 101 }, (_, index) => [`v${index}`, '$.a']));
    expect(compile(many)).toThrow('more than 100');
  });
});

describe('compilePath', () => {
  it.each([
    ['$', event],
    ['$.detail.n', 3],
    ['$.resources[1]', 'arn:b'],
    ['$.detail.tags[*].k', ['x', 'y']],
    ['$.detail-type', 'state'],
    ['$.detail.n.deeper', undefined],
    ['$.detail.toString', undefined],
  ])('reads %s', (path, value) => {
    expect(compilePath(path)?.(event)).toEqual(value);
  });

  it.each(['detail', '$.', '$.a[?(@.b)]', "$['a']", '$.a[-1]'])('does not know %s', (path) => {
    expect(compilePath(path)).toBeUndefined();
  });
});

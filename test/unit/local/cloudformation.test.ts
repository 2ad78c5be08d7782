import { describe, expect, it } from 'vitest';
import { readLocalTemplate } from '../../../local/cloudformation/local-options.ts';
import {
  deployTemplate,
  parseTemplate,
  type CloudFormation,
} from '../../../local/cloudformation/template.ts';

const PLACE = { account: '111122223333', region: 'eu-west-1', endpoint: 'http://127.0.0.1:4600' };
const template = (resources: object, outputs: Record<string, unknown> = {}): CloudFormation =>
  parseTemplate(
    JSON.stringify({
      Resources: resources,
      Outputs: Object.fromEntries(Object.entries(outputs).map(([id, Value]) => [id, { Value }])),
    }),
  );
const RESOURCES = {
  Store: { Type: 'AWS::S3::Bucket' },
  Bus: { Type: 'AWS::Events::EventBus', Properties: { Name: 'exchange' } },
  Queue: { Type: 'AWS::SQS::Queue', Properties: { QueueName: 'orders' } },
  Page: { Type: 'AWS::CloudFront::Distribution' },
  Rule: { Type: 'AWS::Events::Rule', Properties: { EventBusName: { Ref: 'Bus' } } },
};

describe('a template, as it would be once deployed', () => {
  it.each<[string, unknown, unknown]>([
    ['a name that CloudFormation makes up', { Ref: 'Store' }, 'store'],
    ['a name that is given', { Ref: 'Bus' }, 'exchange'],
    ['the URL of a queue', { Ref: 'Queue' }, 'http://127.0.0.1:4600/111122223333/orders'],
    ['the ARN of a bucket', { 'Fn::GetAtt': ['Store', 'Arn'] }, 'arn:aws:s3:::store'],
    [
      'the ARN of a rule, by its bus',
      { 'Fn::GetAtt': ['Rule', 'Arn'] },
      'arn:aws:events:eu-west-1:111122223333:rule/exchange/Rule',
    ],
    ['the host of a distribution', { 'Fn::GetAtt': ['Page', 'DomainName'] }, 'page.cloudfront.net'],
    ['the id of a distribution', { 'Fn::GetAtt': ['Page', 'Id'] }, 'Page'],
    [
      'the host of a bucket',
      { 'Fn::GetAtt': ['Store', 'RegionalDomainName'] },
      'store.s3.eu-west-1.amazonaws.com',
    ],
    ['a text of parts', { 'Fn::Join': ['/', ['a', { Ref: 'AWS::Region' }]] }, 'a/eu-west-1'],
    ['a text with references in it', { 'Fn::Sub': '${AWS::AccountId}:${Bus}' }, '111122223333:exchange'],
    [
      'one of several',
      { 'Fn::Select': [1, { 'Fn::Split': ['/', { 'Fn::Join': ['', ['x/', { Ref: 'Bus' }]] }] }] },
      'exchange',
    ],
    ['what lies deep', [{ deep: { Ref: 'Bus' } }], [{ deep: 'exchange' }]],
  ])('has %s', (_what, value, resolved) => {
    expect(deployTemplate(template(RESOURCES, { It: value }), PLACE).output('It')).toEqual(resolved);
  });

  it.each<[string, unknown, string]>([
    ['a function', { 'Fn::ImportValue': 'x' }, 'nobody knows Fn::ImportValue'],
    ['a reference', { Ref: 'Nothing' }, 'the template has no resource Nothing'],
    ['an attribute of another type', { 'Fn::GetAtt': ['Bus', 'Id'] }, 'Bus: nobody knows its Id'],
    ['an attribute', { 'Fn::GetAtt': ['Store', 'DomainName'] }, 'Store: nobody knows its DomainName'],
  ])('guesses nothing: %s that is not known', (_what, value, message) => {
    const deployed = deployTemplate(template(RESOURCES, { It: value }), PLACE);
    expect(() => deployed.output('It')).toThrow(message);
    expect(deployed.name('Bus')).toBe('exchange');
  });

  it.each(['no JSON', '[]', '{}', '{"Resources": {"A": {"Properties": {}}}}'])('is not %s', (text) => {
    expect(() => parseTemplate(text)).toThrow(/expected a CloudFormation template/);
  });
});

describe('what a template is to the embedded stack', () => {
  it('has settings and policies of its queues and rules, and says which rules it leaves out', () => {
    const statement = { Effect: 'Deny', Principal: '*', Action: 'sqs:*', Resource: '*' };
    const { options, left } = readLocalTemplate(
      template({
        ...RESOURCES,
        Dead: { Type: 'AWS::SQS::Queue', Properties: { MessageRetentionPeriod: '60' } },
        Queue: {
          Type: 'AWS::SQS::Queue',
          Properties: {
            RedrivePolicy: { deadLetterTargetArn: { 'Fn::GetAtt': ['Dead', 'Arn'] }, maxReceiveCount: 3 },
          },
        },
        Policy: {
          Type: 'AWS::SQS::QueuePolicy',
          Properties: { Queues: [{ Ref: 'Queue' }], PolicyDocument: { Statement: [statement] } },
        },
        Rule: {
          Type: 'AWS::Events::Rule',
          Properties: {
            EventBusName: { Ref: 'Bus' },
            EventPattern: { source: ['shop'] },
            Targets: [
              {
                Arn: { 'Fn::GetAtt': ['Queue', 'Arn'] },
                DeadLetterConfig: { Arn: { 'Fn::GetAtt': ['Dead', 'Arn'] } },
                RetryPolicy: { MaximumRetryAttempts: 2 },
              },
            ],
          },
        },
        Often: { Type: 'AWS::Events::Rule', Properties: { ScheduleExpression: 'rate(5 minutes)' } },
      }),
    );
    expect(options.queues).toEqual([
      { name: 'Queue', deadLetterQueue: 'Dead', maxReceiveCount: 3, policy: { Statement: [statement] } },
      { name: 'Dead', retentionSeconds: 60 },
    ]);
    expect(options.rules).toEqual([
      {
        bus: 'exchange',
        name: 'Rule',
        pattern: { source: ['shop'] },
        queue: 'Queue',
        deadLetterQueue: 'Dead',
        retryPolicy: { maximumRetryAttempts: 2 },
      },
    ]);
    expect(left).toEqual(['Often: runs by a schedule']);
  });
});

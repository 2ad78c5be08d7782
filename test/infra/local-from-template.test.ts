import { EventBridgeClient, PutEventsCommand } from '@aws-sdk/client-eventbridge';
import { GetObjectCommand, PutObjectCommand, PutObjectTaggingCommand, S3Client } from '@aws-sdk/client-s3';
import { GetQueueAttributesCommand, ReceiveMessageCommand, SQSClient } from '@aws-sdk/client-sqs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startTemplateExchange, type TemplateExchange } from '../../cli/template-exchange.ts';
import { urlServiceClient } from '../../consumers/index.ts';
import { createPublisher } from '../../producers/index.ts';
import { createClaimCheckSigner, parseSigningKey } from '../../shared/claim-check.ts';
import { REVOKED_TAG } from '../../shared/revoked-tag.ts';
import { readTextFile } from '../../cli/environment.ts';
import { tempDir } from '../helpers/cli.ts';
import type { CloudFormation } from '../helpers/cloudformation.ts';
import { UPLOADS } from './everything.ts';
import { synth } from './synth.ts';

/** With uploads and their page, which are not run here. */
const TEMPLATE = synth({ uploads: UPLOADS }).json;

describe('the embedded stack, from the synthesized template', () => {
  let dir: Awaited<ReturnType<typeof tempDir>>;
  let exchange: TemplateExchange;
  beforeAll(async () => {
    dir = await tempDir();
    exchange = await startTemplateExchange({ template: TEMPLATE, dir: dir.path });
  });
  afterAll(async () => {
    await exchange[Symbol.asyncDispose]();
    await dir[Symbol.asyncDispose]();
  });

  const variables = (role: string) => exchange.roles.get(role) ?? {};
  const s3 = (role: string) => new S3Client(exchange.local.clientOptions(role));
  const bucket = () => JSON.parse(variables('replay')['WAYBILL_STORES'] ?? '').payloads.bucket as string;
  const publish = async () => {
    const from = variables('producer-scanner');
    await using publisher = createPublisher({
      producer: 'scanner',
      stores: JSON.parse(from['WAYBILL_STORES'] ?? ''),
      control: JSON.parse(from['WAYBILL_CONTROL'] ?? ''),
      bus: from['WAYBILL_BUS'] ?? '',
      signer: createClaimCheckSigner(parseSigningKey(readTextFile('key', from['WAYBILL_SIGNING_KEY'] ?? ''))),
      ...exchange.local.clientOptions('producer-scanner'),
    });
    const { event } = await publisher.publish({
      type: 'scan.made',
      attachments: [{ buffer: Buffer.from('the payload'), name: 'a.txt' }],
    });
    return event.data.attachments[0]!;
  };
  const denied = /not authorized|AccessDenied|Access Denied/;

  it('has the queues as the template sets them', async () => {
    const sqs = new SQSClient(exchange.local.clientOptions('consumer-ledger'));
    const QueueUrl = variables('consumer-ledger')['WAYBILL_QUEUE'];
    const { Attributes = {} } = await sqs.send(
      new GetQueueAttributesCommand({ QueueUrl, AttributeNames: ['All'] }),
    );
    expect(JSON.parse(Attributes['RedrivePolicy'] ?? '')).toEqual({
      deadLetterTargetArn: exchange.local.queueArn('acme-ledger-dlq'),
      maxReceiveCount: 5,
    });
    expect(Attributes).toMatchObject({
      VisibilityTimeout: '60',
      MessageRetentionPeriod: '1209600',
      ReceiveMessageWaitTimeSeconds: '20',
    });
    const archive = new ReceiveMessageCommand({ QueueUrl: variables('consumer-archive')['WAYBILL_QUEUE'] });
    await expect(sqs.send(archive)).rejects.toThrow(denied);
  });

  it('writes once, and keeps consumers away from payloads and producers from tags', async () => {
    const { key, versionId } = await publish();
    const object = { Bucket: bucket(), Key: key };
    const put = new PutObjectCommand({ ...object, Body: 'other' });
    await expect(s3('producer-scanner').send(put)).rejects.toThrow(denied);
    await expect(s3('admin').send(put)).rejects.toThrow(denied);
    await expect(s3('consumer-archive').send(new GetObjectCommand(object))).rejects.toThrow(denied);
    const tag = new PutObjectTaggingCommand({ ...object, VersionId: versionId, Tagging: { TagSet: [] } });
    await expect(s3('producer-scanner').send(tag)).rejects.toThrow(denied);
  });

  it('revokes: a URL that lives is dead, and the URL service says gone', async () => {
    const attachment = await publish();
    const consumer = urlServiceClient({
      endpoint: exchange.urlService,
      region: exchange.local.region,
      credentials: exchange.local.clientOptions('consumer-archive').credentials,
    });
    const { access } = await consumer.refetch(attachment, {});
    const url = access.url.reveal();
    expect(await (await fetch(url)).text()).toBe('the payload');
    await s3('revoker').send(
      new PutObjectTaggingCommand({
        Bucket: bucket(),
        Key: attachment.key,
        VersionId: attachment.versionId,
        Tagging: { TagSet: [{ Key: REVOKED_TAG, Value: 'leak' }] },
      }),
    );
    expect((await fetch(url)).status).toBe(403);
    await expect(consumer.refetch(attachment, {})).rejects.toMatchObject({ disposition: 'reject' });
  });

  it('refuses the URL service to whom its policies do not name', async () => {
    const attachment = await publish();
    const stranger = urlServiceClient({
      endpoint: exchange.urlService,
      region: exchange.local.region,
      credentials: exchange.local.clientOptions('producer-billing').credentials,
    });
    await expect(stranger.refetch(attachment, {})).rejects.toThrow(/403/);
  });
});

describe('a template that lacks what is needed', () => {
  it('shows: without its policy the queue does not get the events, the target dead-letter queue does', async () => {
    await using dir = await tempDir();
    const template = without(TEMPLATE, 'AWS::SQS::QueuePolicy', 'QueuearchiveQueue', 'OnlyItsRuleDelivers');
    await using exchange = await startTemplateExchange({ template, dir: dir.path });
    const { local } = exchange;
    const events = new EventBridgeClient(local.clientOptions('producer-scanner'));
    const entry = { EventBusName: 'acme', Source: 'scanner', DetailType: 'scan.made', Detail: '{}' };
    await events.send(new PutEventsCommand({ Entries: [entry] }));
    const sqs = new SQSClient(local.clientOptions('replay'));
    const QueueUrl = local.queueUrl('acme-archive-undelivered');
    const { Messages = [] } = await sqs.send(
      new ReceiveMessageCommand({ QueueUrl, MessageAttributeNames: ['All'] }),
    );
    expect(Messages[0]?.MessageAttributes?.['ERROR_CODE']?.StringValue).toBe('NO_PERMISSIONS');
  });
});

/** The template without a statement. */
function without(template: CloudFormation, type: string, prefix: string, sid: string): CloudFormation {
  const copy: CloudFormation = structuredClone(template);
  const [, policy] = Object.entries(copy.Resources).find(
    ([id, { Type }]) => Type === type && id.startsWith(prefix),
  )!;
  const { PolicyDocument } = policy.Properties;
  const before = PolicyDocument.Statement.length;
  PolicyDocument.Statement = PolicyDocument.Statement.filter(({ Sid }: { Sid?: string }) => Sid !== sid);
  expect(PolicyDocument.Statement.length).toBe(before - 1);
  return copy;
}

import { execFile } from 'node:child_process';
import { createHash, createHmac } from 'node:crypto';
import { promisify } from 'node:util';

import { SignatureV4 } from '@smithy/signature-v4';
import { XMLParser } from 'fast-xml-parser';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';

import { startLocal, type LocalStack } from '../../../local/index.ts';
import { programOrSkip } from '../../helpers/cli.ts';

const exec = promisify(execFile);
const aws = programOrSkip('/usr/bin/aws', 'awscli');

type Xml = Record<string, any>;

class Sha256 {
  readonly #hash;
  constructor(secret?: any) {
    this.#hash = secret === undefined ? createHash('sha256') : createHmac('sha256', secret);
  }
  update(data: any): void {
    this.#hash.update(data);
  }
  async digest(): Promise<Uint8Array> {
    return this.#hash.digest();
  }
  reset(): void {}
}

describe('SQS in the query protocol', () => {
  let stack: LocalStack;
  let QueueUrl: string;
  beforeEach(async () => {
    stack = await startLocal({ queues: [{ name: 'work' }] });
    QueueUrl = stack.queueUrl('work');
  });
  afterEach(async () => {
    await stack.close();
  });

  const post = async (
    Action: string,
    fields: Record<string, string>,
    { path = '/', secretAccessKey = stack.credentials.secretAccessKey } = {},
  ): Promise<{ status: number; xml: Xml }> => {
    const body = new URLSearchParams({ Action, Version: '2012-11-05', ...fields }).toString();
    const { host, hostname } = new URL(stack.endpoint);
    const credentials = { ...stack.credentials, secretAccessKey };
    const signer = new SignatureV4({ service: 'sqs', region: stack.region, credentials, sha256: Sha256 });
    const type = 'application/x-www-form-urlencoded; charset=utf-8';
    const headers = { host, 'content-type': type };
    const request = { method: 'POST', protocol: 'http:', hostname, path, headers, body };
    const signed = await signer.sign(request);
    const reply = await fetch(`${stack.endpoint}${path}`, { method: 'POST', headers: signed.headers, body });
    expect(reply.headers.get('content-type')).toBe('text/xml');
    const parser = new XMLParser({ parseTagValue: false });
    return { status: reply.status, xml: parser.parse(await reply.text()) };
  };

  it('makes, finds, lists, describes, changes and deletes queues', async () => {
    const made = await post('CreateQueue', {
      QueueName: 'new',
      'Attribute.1.Name': 'VisibilityTimeout',
      'Attribute.1.Value': '7',
      'Tag.1.Key': 'team',
      'Tag.1.Value': 'a&b',
    });
    const url = stack.queueUrl('new');
    expect(made.xml['CreateQueueResponse'].CreateQueueResult.QueueUrl).toBe(url);
    const found = await post('GetQueueUrl', { QueueName: 'new' });
    expect(found.xml['GetQueueUrlResponse'].GetQueueUrlResult.QueueUrl).toBe(url);
    const listed = await post('ListQueues', {});
    expect(listed.xml['ListQueuesResponse'].ListQueuesResult.QueueUrl).toEqual([QueueUrl, url]);
    const change = { 'Attribute.1.Name': 'DelaySeconds', 'Attribute.1.Value': '3' };
    await post('SetQueueAttributes', { QueueUrl: url, ...change });
    const names = { 'AttributeName.1': 'VisibilityTimeout', 'AttributeName.2': 'DelaySeconds' };
    const described = await post('GetQueueAttributes', { QueueUrl: url, ...names });
    expect(described.xml['GetQueueAttributesResponse'].GetQueueAttributesResult.Attribute).toEqual([
      { Name: 'VisibilityTimeout', Value: '7' },
      { Name: 'DelaySeconds', Value: '3' },
    ]);
    const tags = await post('ListQueueTags', { QueueUrl: url });
    expect(tags.xml['ListQueueTagsResponse'].ListQueueTagsResult.Tag).toEqual({ Key: 'team', Value: 'a&b' });
    expect((await post('DeleteQueue', { QueueUrl: url })).status).toBe(200);
    const gone = await post('GetQueueUrl', { QueueName: 'new' });
    expect([gone.status, gone.xml['ErrorResponse'].Error.Code]).toEqual([
      400,
      'AWS.SimpleQueueService.NonExistentQueue',
    ]);
  });

  it('sends, receives, holds and deletes a message with attributes, at the queue’s own path', async () => {
    const path = new URL(QueueUrl).pathname;
    const sent = await post(
      'SendMessage',
      {
        MessageBody: 'a <b> & 📦',
        'MessageAttribute.1.Name': 'colour',
        'MessageAttribute.1.Value.DataType': 'String',
        'MessageAttribute.1.Value.StringValue': 'blue',
      },
      { path },
    );
    const { MessageId, MD5OfMessageBody } = sent.xml['SendMessageResponse'].SendMessageResult;
    expect(MD5OfMessageBody).toBe(createHash('md5').update('a <b> & 📦').digest('hex'));
    const asked = { 'AttributeName.1': 'All', 'MessageAttributeName.1': 'All', MaxNumberOfMessages: '10' };
    const received = await post('ReceiveMessage', { QueueUrl, WaitTimeSeconds: '0', ...asked });
    const { Message } = received.xml['ReceiveMessageResponse'].ReceiveMessageResult;
    expect(Message).toMatchObject({
      MessageId,
      Body: 'a <b> & 📦',
      MessageAttribute: { Name: 'colour', Value: { DataType: 'String', StringValue: 'blue' } },
    });
    expect(Message.Attribute).toContainEqual({ Name: 'ApproximateReceiveCount', Value: '1' });
    const { ReceiptHandle } = Message;
    const held = await post('ChangeMessageVisibility', { QueueUrl, ReceiptHandle, VisibilityTimeout: '9' });
    expect(held.status).toBe(200);
    expect((await post('DeleteMessage', { QueueUrl, ReceiptHandle })).status).toBe(200);
    await stack.spy.waitFor((record) => record.kind === 'delete' && record.messageId === MessageId);
  });

  it('carries batches', async () => {
    const prefix = 'SendMessageBatchRequestEntry';
    const sent = await post('SendMessageBatch', {
      QueueUrl,
      [`${prefix}.1.Id`]: 'a',
      [`${prefix}.1.MessageBody`]: 'one',
      [`${prefix}.2.Id`]: 'b',
      [`${prefix}.2.MessageBody`]: 'lone \u0001',
    });
    const result = sent.xml['SendMessageBatchResponse'].SendMessageBatchResult;
    expect(result.SendMessageBatchResultEntry.Id).toBe('a');
    expect(result.BatchResultErrorEntry).toMatchObject({ Id: 'b', Code: 'InvalidMessageContents' });
    const received = await post('ReceiveMessage', { QueueUrl });
    const { ReceiptHandle } = received.xml['ReceiveMessageResponse'].ReceiveMessageResult.Message;
    const held = 'ChangeMessageVisibilityBatchRequestEntry.1';
    const changed = await post('ChangeMessageVisibilityBatch', {
      QueueUrl,
      [`${held}.Id`]: 'c',
      [`${held}.ReceiptHandle`]: ReceiptHandle,
      [`${held}.VisibilityTimeout`]: '60',
    });
    const changes = changed.xml['ChangeMessageVisibilityBatchResponse'].ChangeMessageVisibilityBatchResult;
    expect(changes.ChangeMessageVisibilityBatchResultEntry).toEqual({ Id: 'c' });
    const entry = 'DeleteMessageBatchRequestEntry.1';
    const deleted = await post('DeleteMessageBatch', {
      QueueUrl,
      [`${entry}.Id`]: 'd',
      [`${entry}.ReceiptHandle`]: ReceiptHandle,
    });
    const deletes = deleted.xml['DeleteMessageBatchResponse'].DeleteMessageBatchResult;
    expect(deletes.DeleteMessageBatchResultEntry).toEqual({ Id: 'd' });
    expect((await post('PurgeQueue', { QueueUrl })).status).toBe(200);
  });

  it('refuses in XML: a wrong signature, an unknown action, what a fault says', async () => {
    const forged = await post('ListQueues', {}, { secretAccessKey: 'wrong' });
    expect([forged.status, forged.xml['ErrorResponse'].Error.Code]).toEqual([403, 'SignatureDoesNotMatch']);
    const unknown = await post('AddPermission', { QueueUrl });
    expect([unknown.status, unknown.xml['ErrorResponse'].Error.Code]).toEqual([501, 'NotImplemented']);
    stack.faults.add({
      match: { service: 'sqs', operation: 'SendMessage' },
      faults: { kind: 'status', status: 503, code: 'ServiceUnavailable' },
    });
    const failed = await post('SendMessage', { QueueUrl, MessageBody: 'x' });
    expect([failed.status, failed.xml['ErrorResponse'].Error]).toMatchObject([
      503,
      { Type: 'Receiver', Code: 'ServiceUnavailable' },
    ]);
  });

  it.skipIf(aws === undefined)('takes the aws CLI of Debian, which speaks it', async () => {
    const sqs = async (...args: string[]): Promise<Xml> => {
      const env = {
        ...process.env,
        AWS_ACCESS_KEY_ID: stack.credentials.accessKeyId,
        AWS_SECRET_ACCESS_KEY: stack.credentials.secretAccessKey,
        AWS_REGION: stack.region,
        AWS_CONFIG_FILE: '/dev/null',
        AWS_EC2_METADATA_DISABLED: 'true',
      };
      const all = ['--endpoint-url', stack.endpoint, '--output', 'json', 'sqs', ...args];
      const { stdout } = await exec('/usr/bin/aws', all, { env });
      return stdout.trim() === '' ? {} : JSON.parse(stdout);
    };
    expect((await sqs('list-queues'))['QueueUrls']).toEqual([QueueUrl]);
    await sqs('send-message', '--queue-url', QueueUrl, '--message-body', 'from Debian <&> 📦');
    const { Messages } = await sqs('receive-message', '--queue-url', QueueUrl, '--attribute-names', 'All');
    expect(Messages[0]).toMatchObject({
      Body: 'from Debian <&> 📦',
      Attributes: { ApproximateReceiveCount: '1' },
    });
    const receipt = ['--receipt-handle', Messages[0].ReceiptHandle];
    await sqs('delete-message', '--queue-url', QueueUrl, ...receipt);
    await stack.spy.waitFor((record) => record.kind === 'delete');
    await expect(sqs('get-queue-url', '--queue-name', 'nowhere')).rejects.toThrow('NonExistentQueue');
  });
});

/** A message as Lambda hands it over. @see https://docs.aws.amazon.com/lambda/latest/dg/with-sqs.html */
export interface LambdaSqsRecord {
  readonly messageId: string;
  readonly receiptHandle: string;
  readonly body: string;
  readonly attributes: Readonly<Record<string, string | undefined>>;
  readonly messageAttributes: Readonly<Record<string, LambdaSqsAttribute>>;
  /** The queue. */
  readonly eventSourceARN: string;
}

/** A message attribute as Lambda hands it over. */
export interface LambdaSqsAttribute {
  readonly dataType: string;
  readonly stringValue?: string | undefined;
  /** Base64. */
  readonly binaryValue?: string | undefined;
}

/** A batch of messages. */
export interface LambdaSqsEvent {
  readonly Records: readonly LambdaSqsRecord[];
}

/** What of Lambda's context is looked at. */
export interface LambdaInvocation {
  /** Until the invocation is cut off, in milliseconds. */
  getRemainingTimeInMillis(): number;
}

/** The messages that shall come again. @see https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-errorhandling.html#services-sqs-batchfailurereporting */
export interface LambdaBatchResponse {
  readonly batchItemFailures: { readonly itemIdentifier: string }[];
}

/** What Lambda hands a function beside the event. @see https://docs.aws.amazon.com/lambda/latest/dg/nodejs-context.html */
export interface LambdaContext {
  readonly functionName: string;
  readonly functionVersion: string;
  readonly invokedFunctionArn: string;
  readonly memoryLimitInMB: string;
  /** Anew for every invocation. */
  readonly awsRequestId: string;
  readonly logGroupName: string;
  readonly logStreamName: string;
  callbackWaitsForEmptyEventLoop: boolean;
  /** Until the invocation is counted as failed, milliseconds. */
  getRemainingTimeInMillis(): number;
}

/** A function as Lambda runs it. */
export type LambdaHandler<E, R = unknown> = (event: E, context: LambdaContext) => Promise<R> | R;

/** A function at work; it ends with the stack at the latest. */
export interface LambdaHook extends AsyncDisposable {
  /** Takes no more work and waits for what is under way. */
  stop(): Promise<void>;
}

/** A message attribute as a function gets it. */
export interface SqsEventAttribute {
  readonly stringValue?: string;
  /** Base64. */
  readonly binaryValue?: string;
  readonly stringListValues: readonly string[];
  readonly binaryListValues: readonly string[];
  readonly dataType: string;
}

/** A message as a function gets it. */
export interface SqsEventRecord {
  readonly messageId: string;
  readonly receiptHandle: string;
  readonly body: string;
  readonly attributes: Readonly<Record<string, string>>;
  readonly messageAttributes: Readonly<Record<string, SqsEventAttribute>>;
  readonly md5OfBody: string;
  readonly md5OfMessageAttributes?: string;
  readonly eventSource: 'aws:sqs';
  readonly eventSourceARN: string;
  readonly awsRegion: string;
}

/** A batch of messages. @see https://docs.aws.amazon.com/lambda/latest/dg/with-sqs.html */
export interface SqsEvent {
  readonly Records: readonly SqsEventRecord[];
}

/** What a function says of a batch. @see https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-errorhandling.html */
export interface SqsBatchResponse {
  readonly batchItemFailures: readonly { readonly itemIdentifier: string }[];
}

/** A request to a function URL, payload format 2.0. @see https://docs.aws.amazon.com/lambda/latest/dg/urls-invocation.html */
export interface FunctionUrlEvent {
  readonly version: '2.0';
  readonly routeKey: '$default';
  readonly rawPath: string;
  readonly rawQueryString: string;
  readonly cookies?: readonly string[];
  /** Names in small letters, several values joined by commas. */
  readonly headers: Readonly<Record<string, string>>;
  readonly queryStringParameters?: Readonly<Record<string, string>>;
  readonly requestContext: {
    readonly accountId: string;
    readonly apiId: string;
    readonly authentication: null;
    readonly authorizer?: { readonly iam: FunctionUrlIdentity };
    readonly domainName: string;
    readonly domainPrefix: string;
    readonly http: {
      readonly method: string;
      readonly path: string;
      readonly protocol: string;
      readonly sourceIp: string;
      readonly userAgent: string;
    };
    readonly requestId: string;
    readonly routeKey: '$default';
    readonly stage: '$default';
    /** `22/Nov/2026:10:00:00 +0000` */
    readonly time: string;
    /** Epoch milliseconds. */
    readonly timeEpoch: number;
  };
  readonly body?: string;
  readonly isBase64Encoded: boolean;
}

/** Who signed a request. */
export interface FunctionUrlIdentity {
  readonly accessKey: string;
  readonly accountId: string;
  readonly callerId: string;
  readonly cognitoIdentity: null;
  readonly principalOrgId: null;
  readonly userArn: string;
  readonly userId: string;
}

/** What the schedule hands over. */
export interface ScheduledEvent {
  readonly version: '0';
  readonly id: string;
  readonly 'detail-type': 'Scheduled Event';
  readonly source: 'aws.events';
  readonly account: string;
  /** When it was due. */
  readonly time: string;
  readonly region: string;
  /** ARN of the rule. */
  readonly resources: readonly string[];
  readonly detail: Readonly<Record<string, never>>;
}

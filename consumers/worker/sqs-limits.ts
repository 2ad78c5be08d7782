/** Longest visibility timeout, in seconds (12 h), counted from the receipt. @see https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_ChangeMessageVisibility.html */
export const MAX_VISIBILITY_SECONDS = 43_200;

/** Longest that a message is held from its receipt, in seconds (11.5 h): time is left to make it visible again before SQS does. */
export const MAX_HOLD_SECONDS = 41_400;

/** Most messages of one ReceiveMessage call. @see https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_ReceiveMessage.html */
export const MAX_RECEIVE_MESSAGES = 10;

/** Most attributes of one message. @see https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-message-metadata.html */
export const MAX_MESSAGE_ATTRIBUTES = 10;

/** Most entries of a batch. @see https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_DeleteMessageBatch.html */
export const MAX_BATCH_ENTRIES = 10;

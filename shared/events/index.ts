export { envelopeSchema, parseEnvelope, type Envelope } from './envelope.ts';
export { checkAgainst, parseEvent, parseManifest } from './parse.ts';
export {
  attachmentSchema,
  EVENT_VERSION,
  eventSchema,
  manifestSchema,
  type Access,
  type Attachment,
  type AttachmentInput,
  type EventData,
  type Manifest,
  type ObjectChecksum,
  type WaybillEvent,
  type WaybillEventInput,
} from './schema.ts';
export {
  entryBytes,
  serialiseEvent,
  serialiseForKeeping,
  serialiseForRecord,
  serialiseManifest,
  type SerialisedEvent,
  type SerialiseOptions,
} from './serialise.ts';
export { EventParseError, EventTooLargeError, type ParseIssue } from '../errors.ts';
export { Secret, SecretUrl } from '../secret.ts';

import { EventTooLargeError } from '../shared/errors.ts';
import {
  EVENT_VERSION,
  serialiseManifest,
  type Attachment,
  type AttachmentInput,
  type WaybillEvent,
} from '../shared/events/index.ts';
import type { GetPresigner } from '../shared/presign.ts';
import { fitEvent, resourceArns, type FittedEvent } from './fit-event.ts';
import type { ResolvedPublisherOptions } from './publisher-options.ts';
import { addAccess, addClaimCheck } from './seal-attachment.ts';

/** An event with its attachments, and the entry's text. */
export interface ComposedEvent extends FittedEvent {
  readonly event: WaybillEvent;
  /** True if the attachments stand in a manifest object. */
  readonly viaManifest: boolean;
}

export interface ComposeContext {
  readonly options: ResolvedPublisherOptions;
  readonly presigner: GetPresigner;
  /** Uploads the manifest's content; returns what stands in `data.manifest`, bare. */
  readonly uploadManifest: (content: Buffer) => Promise<AttachmentInput>;
}

/**
 * Puts uploaded attachments into their event: inline with URLs if that fits the budget, else inline without, else in
 * a manifest object that the event names.
 * @throws {EventTooLargeError} if it does not fit, or would fit only without URLs while there are no claim checks
 */
export async function composeEvent(
  skeleton: WaybillEvent,
  bare: readonly AttachmentInput[],
  context: ComposeContext,
): Promise<ComposedEvent> {
  const { options, presigner } = context;
  const attachments = await Promise.all(
    bare.map(async (item) => await addClaimCheck(item, skeleton, options)),
  );
  const lean = withAttachments(skeleton, attachments);
  if (!fits(lean, options)) {
    needSigner(skeleton, options);
    return await composeManifest(skeleton, attachments, context);
  }
  const event = withAttachments(skeleton, await addAccesses(attachments, presigner, options));
  const fitted = fitEvent(event, options.eventBudgetBytes, resourceArns(attachments, options.store));
  if (!fitted.droppedAccess) return { ...fitted, event, viaManifest: false };
  needSigner(skeleton, options);
  return { ...fitted, event: lean, viaManifest: false };
}

async function composeManifest(
  skeleton: WaybillEvent,
  attachments: readonly Attachment[],
  { options, presigner, uploadManifest }: ComposeContext,
): Promise<ComposedEvent> {
  const content = serialiseManifest({ waybillversion: EVENT_VERSION, attachments: [...attachments] });
  const bare = await addClaimCheck(await uploadManifest(Buffer.from(content)), skeleton, options);
  const manifest = await addAccess(bare, presigner, options);
  const event = withManifest(skeleton, manifest);
  const fitted = fitEvent(event, options.eventBudgetBytes, resourceArns([manifest], options.store));
  return { ...fitted, event: fitted.droppedAccess ? withManifest(skeleton, bare) : event, viaManifest: true };
}

function withAttachments(skeleton: WaybillEvent, attachments: readonly Attachment[]): WaybillEvent {
  return { ...skeleton, data: { ...skeleton.data, attachments: [...attachments] } };
}

function withManifest(skeleton: WaybillEvent, manifest: Attachment): WaybillEvent {
  return { ...skeleton, data: { ...skeleton.data, attachments: [], manifest } };
}

async function addAccesses(
  attachments: readonly Attachment[],
  presigner: GetPresigner,
  options: ResolvedPublisherOptions,
): Promise<Attachment[]> {
  return await Promise.all(attachments.map(async (item) => await addAccess(item, presigner, options)));
}

function fits(event: WaybillEvent, { eventBudgetBytes }: ResolvedPublisherOptions): boolean {
  try {
    fitEvent(event, eventBudgetBytes, []);
    return true;
  } catch (error) {
    if (error instanceof EventTooLargeError) return false;
    throw error;
  }
}

/** Without a claim check a URL is the only way to a payload, so it must not be dropped. */
function needSigner({ id }: WaybillEvent, { signer, eventBudgetBytes }: ResolvedPublisherOptions): void {
  if (signer !== undefined) return;
  throw new EventTooLargeError(
    `event ${id} does not fit ${eventBudgetBytes} bytes with its URLs, and without a signer it needs them: ` +
      'configure a signer, or send fewer attachments',
    { details: { eventId: id, budget: eventBudgetBytes } },
  );
}

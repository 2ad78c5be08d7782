import type { openTransfer } from './open-attachment.ts';

let loaded: { readonly openTransfer: typeof openTransfer } | undefined;

/** `openTransfer`, loaded when it is first needed: stores and their schemas are of no use to who has a bare URL. */
export async function attachmentOpener(): Promise<typeof openTransfer> {
  loaded ??= await import('./open-attachment.ts');
  return loaded.openTransfer;
}

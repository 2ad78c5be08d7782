import { requireAccess } from '../access.ts';
import { deleteAccess } from '../action-of.ts';
import { checkKeyLength } from '../address.ts';
import { claimsIntegrity, receiveText } from '../body.ts';
import { writeCondition } from '../conditions.ts';
import { S3Error, invalidRequest, notImplemented } from '../errors.ts';
import type { Exchange } from '../exchange.ts';
import { errorFacts } from '../respond-error.ts';
import type { Bucket, DeleteOutcome } from '../store/bucket.ts';
import { childrenOf, parseXml, textOf } from '../xml.ts';
import type { XmlValue } from '../xml.ts';

/** Most keys of one DeleteObjects. @see https://docs.aws.amazon.com/AmazonS3/latest/API/API_DeleteObjects.html */
const MAX_DELETES = 1000;

/** DeleteObject: a marker or, with `versionId`, the end of that version. */
export async function deleteObject(exchange: Exchange): Promise<void> {
  const { bucket, key } = exchange;
  const versionId = exchange.query.get('versionId');
  if (versionId !== undefined && exchange.header('if-match') !== undefined) {
    throw notImplemented('If-Match together with versionId on DeleteObject');
  }
  const outcome =
    versionId === undefined
      ? await bucket.deleteCurrent(key, writeCondition(exchange))
      : await bucket.deleteVersion(key, versionId);
  const headers: Record<string, string> = {};
  if (outcome.deleteMarker) headers['x-amz-delete-marker'] = 'true';
  if (outcome.versionId !== undefined) headers['x-amz-version-id'] = outcome.versionId;
  exchange.sendEmpty(204, headers);
}

/** DeleteObjects: up to a thousand deletes, each with its own permission and outcome. */
export async function deleteObjects(exchange: Exchange): Promise<void> {
  const { bucket } = exchange;
  if (!claimsIntegrity(exchange)) {
    throw invalidRequest('Missing required header for this request: Content-MD5 OR x-amz-checksum-*');
  }
  const node = parseXml(await receiveText(exchange), 'Delete');
  const quiet = textOf(node, 'Quiet')?.trim() === 'true';
  const objects = childrenOf(node, 'Object').map((object) => {
    const key = textOf(object, 'Key');
    if (key === undefined || key === '') throw new S3Error('MalformedXML');
    for (const condition of ['ETag', 'LastModifiedTime', 'Size']) {
      if (textOf(object, condition) !== undefined) throw notImplemented(`DeleteObjects with ${condition}`);
    }
    return { key, versionId: textOf(object, 'VersionId')?.trim() };
  });
  if (objects.length === 0 || objects.length > MAX_DELETES) throw new S3Error('MalformedXML');
  const deleted: XmlValue[] = [];
  const errors: XmlValue[] = [];
  for (const { key, versionId } of objects) {
    try {
      requireAccess(exchange, deleteAccess(exchange, key, versionId));
      const outcome = await deleteOne(bucket, key, versionId);
      deleted.push(deletedXml(key, versionId, outcome));
    } catch (error) {
      const { code, message } = errorFacts(error);
      errors.push({ Key: key, VersionId: versionId, Code: code, Message: message });
    }
  }
  exchange.sendXml('DeleteResult', { Deleted: quiet ? [] : deleted, Error: errors });
}

async function deleteOne(bucket: Bucket, key: string, versionId: string | undefined): Promise<DeleteOutcome> {
  checkKeyLength(key);
  if (versionId !== undefined && versionId !== '') return await bucket.deleteVersion(key, versionId);
  return await bucket.deleteCurrent(key, () => {});
}

function deletedXml(key: string, versionId: string | undefined, outcome: DeleteOutcome): XmlValue {
  return {
    Key: key,
    VersionId: versionId,
    DeleteMarker: outcome.deleteMarker ? true : undefined,
    DeleteMarkerVersionId: outcome.deleteMarker ? outcome.versionId : undefined,
  };
}

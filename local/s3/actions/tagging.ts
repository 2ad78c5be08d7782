import { requireAccess } from '../access.ts';
import { putTaggingAccess } from '../action-of.ts';
import { receiveText } from '../body.ts';
import { S3Error } from '../errors.ts';
import type { Exchange } from '../exchange.ts';
import { requestedVersion } from '../find-version.ts';
import { versionIdHeader } from '../object-headers.ts';
import { checkTags } from '../tags.ts';
import { childrenOf, parseXml, textOf } from '../xml.ts';

/** GetObjectTagging, also of one version. */
export async function getObjectTagging(exchange: Exchange): Promise<void> {
  const record = requestedVersion(exchange);
  const tags = Object.entries(record.tags).map(([Key, Value]) => ({ Key, Value }));
  exchange.sendXml('Tagging', { TagSet: { Tag: tags } }, versionIdHeader(exchange, record.versionId));
}

/** PutObjectTagging: replaces all tags of the object or version. */
export async function putObjectTagging(exchange: Exchange): Promise<void> {
  const node = parseXml(await receiveText(exchange), 'Tagging');
  const [set] = childrenOf(node, 'TagSet');
  if (set === undefined) throw new S3Error('MalformedXML');
  const pairs = childrenOf(set, 'Tag').map((tag) => {
    const key = textOf(tag, 'Key');
    const value = textOf(tag, 'Value');
    if (key === undefined || value === undefined) throw new S3Error('MalformedXML');
    return [key, value] as const;
  });
  const tags = checkTags(pairs);
  requireAccess(exchange, putTaggingAccess(exchange, tags));
  const record = await setTags(exchange, tags);
  exchange.sendEmpty(200, versionIdHeader(exchange, record));
}

/** DeleteObjectTagging. */
export async function deleteObjectTagging(exchange: Exchange): Promise<void> {
  const record = await setTags(exchange, {});
  exchange.sendEmpty(204, versionIdHeader(exchange, record));
}

async function setTags(exchange: Exchange, tags: Readonly<Record<string, string>>): Promise<string> {
  const { versionId } = await exchange.bucket.setTags(exchange.key, tags, () => requestedVersion(exchange));
  return versionId;
}

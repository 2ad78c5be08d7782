import type { ConformanceCase } from '../suite.ts';
import { buckets } from './buckets.ts';
import { checksums } from './checksums.ts';
import { chunked } from './chunked.ts';
import { conditionalReads, conditionalWrites } from './conditions.ts';
import { copyObject, deletes } from './copy-delete.ts';
import { getObject } from './get-object.ts';
import { keys } from './keys.ts';
import { listObjects, listObjectsV1, listVersions } from './listings.ts';
import { multipart } from './multipart.ts';
import { multipartErrors } from './multipart-errors.ts';
import { postForms } from './post-forms.ts';
import { presigned } from './presigned.ts';
import { putObject } from './put-object.ts';
import { ranges } from './ranges.ts';
import { signing } from './signing.ts';
import { signingKeys } from './signing-keys.ts';
import { objectAttributes, tagging } from './tags-attributes.ts';
import { versions } from './versions.ts';

/** Every case, in the order in which they run. */
export const cases: readonly ConformanceCase[] = [
  ...buckets,
  ...putObject,
  ...getObject,
  ...ranges,
  ...conditionalReads,
  ...conditionalWrites,
  ...versions,
  ...listObjects,
  ...listObjectsV1,
  ...listVersions,
  ...multipart,
  ...multipartErrors,
  ...checksums,
  ...copyObject,
  ...deletes,
  ...tagging,
  ...objectAttributes,
  ...presigned,
  ...postForms,
  ...signing,
  ...signingKeys,
  ...chunked,
  ...keys,
];

import { deleteBucketCors, getBucketCors, putBucketCors } from './actions/bucket-cors.ts';
import { deleteBucketLifecycle, getBucketLifecycle, putBucketLifecycle } from './actions/bucket-lifecycle.ts';
import {
  deleteBucketPolicy,
  getBucketPolicy,
  getBucketPolicyStatus,
  putBucketPolicy,
} from './actions/bucket-policy.ts';
import {
  createBucket,
  deleteBucket,
  getBucketLocation,
  getBucketVersioning,
  headBucket,
  listBuckets,
  putBucketVersioning,
} from './actions/buckets.ts';
import { completeMultipartUpload } from './actions/complete-multipart-upload.ts';
import { copyObject } from './actions/copy-object.ts';
import { deleteObject, deleteObjects } from './actions/delete-object.ts';
import { getObject, headObject } from './actions/get-object.ts';
import { getObjectAttributes } from './actions/get-object-attributes.ts';
import { listMultipartUploads, listParts } from './actions/list-multipart.ts';
import { listObjects, listObjectsV2 } from './actions/list-objects.ts';
import { listObjectVersions } from './actions/list-object-versions.ts';
import { abortMultipartUpload, createMultipartUpload, uploadPart } from './actions/multipart.ts';
import { postObject } from './actions/post-object.ts';
import { putObject } from './actions/put-object.ts';
import { deleteObjectTagging, getObjectTagging, putObjectTagging } from './actions/tagging.ts';
import { uploadPartCopy } from './actions/upload-part-copy.ts';
import { STORED_HEADERS } from './object-headers.ts';
import type { Route } from './route.ts';

const OVERRIDES = STORED_HEADERS.map((name) => `response-${name}`);
const LISTING = ['prefix', 'delimiter', 'encoding-type'];

/** In order: the first that fits wins, so the more particular stand first. */
export const routes: readonly Route[] = [
  {
    operation: 'ListBuckets',
    method: 'GET',
    level: 'service',
    allows: ['prefix'],
    action: listBuckets,
  },

  {
    operation: 'GetBucketLocation',
    method: 'GET',
    level: 'bucket',
    needs: { location: undefined },
    action: getBucketLocation,
  },
  {
    operation: 'GetBucketVersioning',
    method: 'GET',
    level: 'bucket',
    needs: { versioning: undefined },
    action: getBucketVersioning,
  },
  {
    operation: 'PutBucketVersioning',
    method: 'PUT',
    level: 'bucket',
    needs: { versioning: undefined },
    action: putBucketVersioning,
  },
  {
    operation: 'GetBucketPolicy',
    method: 'GET',
    level: 'bucket',
    needs: { policy: undefined },
    action: getBucketPolicy,
  },
  {
    operation: 'PutBucketPolicy',
    method: 'PUT',
    level: 'bucket',
    needs: { policy: undefined },
    action: putBucketPolicy,
  },
  {
    operation: 'DeleteBucketPolicy',
    method: 'DELETE',
    level: 'bucket',
    needs: { policy: undefined },
    action: deleteBucketPolicy,
  },
  {
    operation: 'GetBucketPolicyStatus',
    method: 'GET',
    level: 'bucket',
    needs: { policyStatus: undefined },
    action: getBucketPolicyStatus,
  },
  {
    operation: 'GetBucketCors',
    method: 'GET',
    level: 'bucket',
    needs: { cors: undefined },
    action: getBucketCors,
  },
  {
    operation: 'PutBucketCors',
    method: 'PUT',
    level: 'bucket',
    needs: { cors: undefined },
    action: putBucketCors,
  },
  {
    operation: 'DeleteBucketCors',
    method: 'DELETE',
    level: 'bucket',
    needs: { cors: undefined },
    action: deleteBucketCors,
  },
  {
    operation: 'GetBucketLifecycleConfiguration',
    method: 'GET',
    level: 'bucket',
    needs: { lifecycle: undefined },
    action: getBucketLifecycle,
  },
  {
    operation: 'PutBucketLifecycleConfiguration',
    method: 'PUT',
    level: 'bucket',
    needs: { lifecycle: undefined },
    action: putBucketLifecycle,
  },
  {
    operation: 'DeleteBucketLifecycle',
    method: 'DELETE',
    level: 'bucket',
    needs: { lifecycle: undefined },
    action: deleteBucketLifecycle,
  },
  {
    operation: 'ListObjectVersions',
    method: 'GET',
    level: 'bucket',
    needs: { versions: undefined },
    allows: [...LISTING, 'max-keys', 'key-marker', 'version-id-marker'],
    action: listObjectVersions,
  },
  {
    operation: 'ListMultipartUploads',
    method: 'GET',
    level: 'bucket',
    needs: { uploads: undefined },
    allows: [...LISTING, 'max-uploads', 'key-marker', 'upload-id-marker'],
    action: listMultipartUploads,
  },
  {
    operation: 'ListObjectsV2',
    method: 'GET',
    level: 'bucket',
    needs: { 'list-type': '2' },
    allows: [...LISTING, 'max-keys', 'continuation-token', 'start-after', 'fetch-owner'],
    action: listObjectsV2,
  },
  {
    operation: 'ListObjects',
    method: 'GET',
    level: 'bucket',
    allows: [...LISTING, 'max-keys', 'marker'],
    action: listObjects,
  },
  {
    operation: 'DeleteObjects',
    method: 'POST',
    level: 'bucket',
    needs: { delete: undefined },
    action: deleteObjects,
  },
  { operation: 'PostObject', method: 'POST', level: 'bucket', form: true, action: postObject },
  { operation: 'CreateBucket', method: 'PUT', level: 'bucket', action: createBucket },
  { operation: 'HeadBucket', method: 'HEAD', level: 'bucket', action: headBucket },
  { operation: 'DeleteBucket', method: 'DELETE', level: 'bucket', action: deleteBucket },

  {
    operation: 'GetObjectTagging',
    method: 'GET',
    level: 'object',
    needs: { tagging: undefined },
    allows: ['versionId'],
    action: getObjectTagging,
  },
  {
    operation: 'PutObjectTagging',
    method: 'PUT',
    level: 'object',
    needs: { tagging: undefined },
    allows: ['versionId'],
    action: putObjectTagging,
  },
  {
    operation: 'DeleteObjectTagging',
    method: 'DELETE',
    level: 'object',
    needs: { tagging: undefined },
    allows: ['versionId'],
    action: deleteObjectTagging,
  },
  {
    operation: 'GetObjectAttributes',
    method: 'GET',
    level: 'object',
    needs: { attributes: undefined },
    allows: ['versionId'],
    action: getObjectAttributes,
  },
  {
    operation: 'CreateMultipartUpload',
    method: 'POST',
    level: 'object',
    needs: { uploads: undefined },
    action: createMultipartUpload,
  },
  {
    operation: 'UploadPartCopy',
    method: 'PUT',
    level: 'object',
    needs: { partNumber: undefined, uploadId: undefined },
    header: 'x-amz-copy-source',
    action: uploadPartCopy,
  },
  {
    operation: 'UploadPart',
    method: 'PUT',
    level: 'object',
    needs: { partNumber: undefined, uploadId: undefined },
    action: uploadPart,
  },
  {
    operation: 'CompleteMultipartUpload',
    method: 'POST',
    level: 'object',
    needs: { uploadId: undefined },
    action: completeMultipartUpload,
  },
  {
    operation: 'AbortMultipartUpload',
    method: 'DELETE',
    level: 'object',
    needs: { uploadId: undefined },
    action: abortMultipartUpload,
  },
  {
    operation: 'ListParts',
    method: 'GET',
    level: 'object',
    needs: { uploadId: undefined },
    allows: ['max-parts', 'part-number-marker'],
    action: listParts,
  },
  {
    operation: 'CopyObject',
    method: 'PUT',
    level: 'object',
    header: 'x-amz-copy-source',
    action: copyObject,
  },
  { operation: 'PutObject', method: 'PUT', level: 'object', action: putObject },
  {
    operation: 'GetObject',
    method: 'GET',
    level: 'object',
    allows: ['versionId', 'partNumber', ...OVERRIDES],
    action: getObject,
  },
  {
    operation: 'HeadObject',
    method: 'HEAD',
    level: 'object',
    allows: ['versionId', 'partNumber', ...OVERRIDES],
    action: headObject,
  },
  {
    operation: 'DeleteObject',
    method: 'DELETE',
    level: 'object',
    allows: ['versionId'],
    action: deleteObject,
  },
];

export {
  iamAuthenticator,
  jwtAuthenticator,
  type Authenticate,
  type IamAuthenticatorOptions,
  type JwtAuthenticatorOptions,
  type UploadIdentity,
} from './authenticate.ts';
export {
  createUploadService,
  type SignedPart,
  type UploadService,
  type UploadServiceOptions,
} from './core.ts';
export { attachmentDisposition, createUploadedFiles, type FileUrl, type UploadedFiles } from './files.ts';
export { createUploadHttp, type UploadHttpOptions, type UploadRequest, type UploadResponse } from './http.ts';
export { intakeLambda } from './intake-lambda.ts';
export {
  createIntake,
  IntakeBusyError,
  type AcceptedRecord,
  type CreatedObject,
  type IntakeOptions,
  type IntakeOutcome,
  type ScannedFile,
  type ScanVerdict,
} from './intake.ts';
export { uploadServiceLambda } from './lambda.ts';
export { createFileLinks, type FileLinks, type LinkPreview } from './links.ts';
export { openApiDocument } from './openapi.ts';
export { parseUploadPolicy, type UploadPolicy } from './policy.ts';
export { UploadProblem, type ProblemCode } from './problem.ts';
export { publishUpload } from './publish-upload.ts';
export type { UploadRecord } from './record.ts';
export { startUploadServer, type UploadServer, type UploadServerOptions } from './server.ts';
export { sweepUploads, type UploadSweep } from './sweep.ts';

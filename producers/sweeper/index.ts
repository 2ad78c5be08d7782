export { sweeperFunction } from './function.ts';
export { sweeperLambda, type SweeperLambdaOptions } from './lambda.ts';
export { sweepDefaults, type SweepOptions } from './options.ts';
export type { SweepReport, UnfinishedPublish } from './report.ts';
export { sweep } from './sweep.ts';

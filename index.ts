// Everything but the embedded stack, which is `waybill/local`: a service in production does not need it.
export * from './shared/events/index.ts';
export * from './shared/errors.ts';
export * from './producers/index.ts';
export * from './consumers/index.ts';

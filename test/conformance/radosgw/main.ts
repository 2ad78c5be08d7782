import { startRadosgw } from './start-radosgw.ts';

/* Starts the gateway by hand: prints what the suite and other clients need, runs until SIGINT or SIGTERM. */
const started = performance.now();
const gateway = await startRadosgw();
process.stdout.write(
  [
    `# up after ${Math.round(performance.now() - started)} ms; end it with Ctrl-C`,
    `export WAYBILL_CONFORMANCE_ENDPOINT=${gateway.endpoint}`,
    'export WAYBILL_CONFORMANCE_KIND=radosgw',
    `export WAYBILL_CONFORMANCE_REGION=${gateway.region}`,
    `export WAYBILL_CONFORMANCE_ACCESS_KEY_ID=${gateway.credentials.accessKeyId}`,
    `export WAYBILL_CONFORMANCE_SECRET_ACCESS_KEY=${gateway.credentials.secretAccessKey}`,
    '',
  ].join('\n'),
);
await new Promise((resolve) => {
  process.once('SIGINT', resolve);
  process.once('SIGTERM', resolve);
});
await gateway.stop();

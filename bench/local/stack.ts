import { startLocal } from '../../local/index.ts';
import { BUCKET, QUEUE } from './target.ts';

const [, , dir = '', durability = 'process'] = process.argv;
if (durability !== 'process' && durability !== 'power')
  throw new TypeError(`durability: got ${durability}, expected process or power`);

const stack = await startLocal({
  dir,
  durability,
  buckets: [{ name: BUCKET, versioning: false }],
  queues: [{ name: QUEUE }],
  rules: [{ name: 'bench', pattern: { source: ['bench'] }, queue: QUEUE }],
});
const { endpoint, region, credentials } = stack;
process.send?.({ endpoint, region, credentials, queueUrl: stack.queueUrl(QUEUE), pid: process.pid });
process.once('message', () => {
  void stack.close().then(() => process.disconnect());
});

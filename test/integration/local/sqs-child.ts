/** A process that runs a stack in the directory that its parent names, until it is killed. */
import { startLocal } from '../../../local/index.ts';

process.once('message', (dir: string) => {
  const identities = [{ accessKeyId: 'CHILD', secretAccessKey: 'child' }];
  const queues = [{ name: 'work' }];
  void startLocal({ dir, identities, queues }).then(({ endpoint }) => process.send?.({ endpoint }));
});

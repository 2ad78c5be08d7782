// A stack that somebody is going to kill. Arguments: the module that has startLocal, the directory, the port.
import { argv } from 'node:process';

const [, , module, dir, port] = argv;
const { startLocal } = await import(module);
const stack = await startLocal({
  dir,
  port: Number(port),
  identities: [{ accessKeyId: 'AKIDKILL', secretAccessKey: 'secret' }],
  buckets: [
    { name: 'plain', versioning: false },
    { name: 'kept', versioning: true },
  ],
});
process.send({ port: stack.port });
process.on('disconnect', () => process.exit()); // a driver that died leaves no stack behind

/*
 * A publisher to be killed: publishes the files of a plan, a few at a time, and says of each when it is through.
 * argv: the built package's module, the plan as JSON.
 */
const [, , module, text] = process.argv;
const { createClaimCheckSigner, createPublisher } = await import(module);
const { options, signingKey, lanes, files } = JSON.parse(text);
const publisher = createPublisher({ ...options, signer: createClaimCheckSigner(signingKey) });
const left = files.values();
process.send({ ready: true });
await Promise.all(
  Array.from({ length: lanes }, async () => {
    for (const { id, path } of left) {
      const { alreadyPublished, uploads } = await publisher.publish({
        id,
        type: 'file.added',
        attachments: [{ path }],
      });
      const resumedParts = uploads.reduce((sum, upload) => sum + (upload.resumedParts ?? 0), 0);
      process.send({ id, alreadyPublished, resumedParts });
    }
  }),
);
await publisher.close();
process.disconnect();

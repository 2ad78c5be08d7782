import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';

interface Version {
  readonly text: string;
  readonly stages: Set<string>;
}

/** As much of Secrets Manager as rotation needs, on loopback: versions with stages, each stage at one version only. */
export interface SecretsManager extends AsyncDisposable {
  readonly url: string;
  /** Versions by id, in the order of their making. */
  versions(secretId: string): ReadonlyMap<string, Version>;
  /** A secret as CloudFormation makes it. */
  put(secretId: string, versionId: string, text: string): void;
  /** Actions that were asked for. */
  readonly calls: readonly string[];
}

type Input = Readonly<Record<string, any>>;
type Answer = readonly [status: number, body: object];

const missing: Answer = [400, { __type: 'ResourceNotFoundException', message: 'no such version' }];

export async function startSecretsManager(): Promise<SecretsManager> {
  const secrets = new Map<string, Map<string, Version>>();
  const calls: string[] = [];
  const of = (id: string): Map<string, Version> => {
    const found = secrets.get(id) ?? new Map<string, Version>();
    secrets.set(id, found);
    return found;
  };
  const actions: Record<string, (input: Input) => Answer> = {
    GetSecretValue({ SecretId, VersionId, VersionStage }) {
      const found = [...of(SecretId)].find(
        ([id, { stages }]) => stages.has(VersionStage) && (VersionId === undefined || VersionId === id),
      );
      return found === undefined ? missing : [200, { VersionId: found[0], SecretString: found[1].text }];
    },
    DescribeSecret: ({ SecretId }) => [
      200,
      {
        VersionIdsToStages: Object.fromEntries(
          [...of(SecretId)].map(([id, { stages }]) => [id, [...stages]]),
        ),
      },
    ],
    PutSecretValue({ SecretId, ClientRequestToken, SecretString, VersionStages }) {
      const versions = of(SecretId);
      const before = versions.get(ClientRequestToken);
      if (before !== undefined && before.text !== SecretString)
        return [400, { __type: 'ResourceExistsException', message: 'another value' }];
      for (const stage of VersionStages) for (const { stages } of versions.values()) stages.delete(stage);
      versions.set(ClientRequestToken, { text: SecretString, stages: new Set(VersionStages) });
      return [200, {}];
    },
    UpdateSecretVersionStage({ SecretId, VersionStage, MoveToVersionId, RemoveFromVersionId }) {
      const versions = of(SecretId);
      const from = [...versions].find(([, { stages }]) => stages.has(VersionStage));
      if (from?.[0] !== RemoveFromVersionId)
        return [400, { __type: 'InvalidParameterException', message: 'the stage is elsewhere' }];
      from?.[1].stages.delete(VersionStage);
      from?.[1].stages.add('AWSPREVIOUS');
      versions.get(MoveToVersionId)?.stages.add(VersionStage);
      return [200, {}];
    },
  };
  const server = createServer((request, response) => {
    void (async () => {
      const [prefix, action = ''] = String(request.headers['x-amz-target']).split('.');
      const signed = /^AWS4-HMAC-SHA256 .*\/secretsmanager\/aws4_request/.test(
        request.headers.authorization ?? '',
      );
      const speaks = request.headers['content-type'] === 'application/x-amz-json-1.1';
      const known = prefix === 'secretsmanager' && signed && speaks ? actions[action] : undefined;
      calls.push(action);
      const [status, body] = known?.(JSON.parse(await text(request))) ?? [
        400,
        { __type: 'ValidationException' },
      ];
      response.writeHead(status, { 'content-type': 'application/x-amz-json-1.1' }).end(JSON.stringify(body));
    })();
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/`,
    calls,
    versions: (id) => of(id),
    put: (id, versionId, value) =>
      void of(id).set(versionId, { text: value, stages: new Set(['AWSCURRENT']) }),
    async [Symbol.asyncDispose]() {
      server.close();
      server.closeAllConnections();
      await once(server, 'close');
    },
  };
}

import { createHmac } from 'node:crypto';
import { mkdir } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { PutObjectCommand, S3Client } from '@aws-sdk/client-s3';
import {
  readLocalTemplate,
  startLocal,
  type CloudFormation,
  type LocalStack,
  type LocalTemplate,
} from '../local/index.ts';
import { urlServiceFunction } from '../producers/url-service/function.ts';
import {
  generateProducerKey,
  parseProducerKeys,
  parseSigningKey,
  serialiseProducerKeys,
  serialiseSigningKey,
  type ProducerKey,
} from '../shared/claim-check.ts';
import {
  PAYLOAD_PREFIX,
  resolveTopology,
  TOPOLOGY_METADATA,
  type Topology,
  type TopologyInput,
} from '../shared/topology.ts';
import { readIfThere, writePrivateFile } from './kept-file.ts';
import { keptCredentials } from './stack.ts';

export interface TemplateExchangeOptions {
  /** As `cdk synth` writes it, of a stack without an account or region of its own. */
  readonly template: CloudFormation;
  /** Where everything is kept; made if absent. */
  readonly dir: string;
  /** @default 0, any free port */
  readonly port?: number;
  /** @default 0, any free port */
  readonly urlServicePort?: number;
  /** Life of the URLs that the URL service gives, in seconds. @default - as the template says */
  readonly urlTtlSeconds?: number;
}

/** An exchange on one machine as a template describes it: its policies enforced, a user of its own for each role. */
export interface TemplateExchange extends AsyncDisposable {
  readonly local: LocalStack;
  readonly topology: Topology;
  readonly urlService: string;
  readonly producerKeys: readonly ProducerKey[];
  /**
   * Variables for each role: `producer-<name>`, `consumer-<name>`, `replay`, `revoker`. These are also the names of the
   * stack's identities.
   */
  readonly roles: ReadonlyMap<string, Readonly<Record<string, string>>>;
  /** What is in the template and does not run here. */
  readonly left: readonly string[];
}

/**
 * Starts the embedded stack as a synthesized template describes it, and the URL service's function with the template's
 * own variables and its role's rights.
 * @throws {TypeError} if the template is not that of an exchange
 */
export async function startTemplateExchange(options: TemplateExchangeOptions): Promise<TemplateExchange> {
  const dir = resolve(options.dir);
  await mkdir(dir, { recursive: true, mode: 0o700 });
  const template = readLocalTemplate(options.template);
  const topology = topologyOf(options.template);
  const admin = await keptCredentials(join(dir, 'credentials.json'));
  const fn = template.functionOf('UrlService');
  const users = usersOf(topology, template, fn.roleArn);
  const credentialsOf = (name: string) => ({
    accessKeyId: name,
    secretAccessKey: createHmac('sha256', admin.secretAccessKey).update(name).digest('base64url'),
  });
  const local = await startLocal({
    ...template.options,
    dir,
    port: options.port ?? 0,
    identities: [
      { ...admin, name: 'admin' },
      ...[...users].map(([name, role]) => ({ ...role.identity(credentialsOf(name)), name })),
    ],
  });
  try {
    const producerKeys = await keptKeys(dir, topology);
    await publishKeys(local, fn.variables, producerKeys);
    const variables = here(fn.variables, local);
    const { accessKeyId, secretAccessKey } = credentialsOf('url-service');
    const handler = urlServiceFunction({
      ...variables,
      ...(options.urlTtlSeconds === undefined
        ? {}
        : { WAYBILL_URL_TTL_SECONDS: String(options.urlTtlSeconds) }),
      WAYBILL_LOG_LEVEL: 'silent',
      AWS_ACCESS_KEY_ID: accessKeyId,
      AWS_SECRET_ACCESS_KEY: secretAccessKey,
    });
    const urlService = await local.functionUrl(handler, {
      auth: 'AWS_IAM',
      functionName: fn.name,
      port: options.urlServicePort ?? 0,
    });
    const roles = new Map(
      [...users.keys()]
        .filter((name) => name !== 'url-service')
        .map((name) => [
          name,
          variablesOf(name, { dir, local, template, topology, urlService: urlService.url }),
        ]),
    );
    const close = async (): Promise<void> => await local.close();
    return {
      local,
      topology,
      urlService: urlService.url,
      producerKeys,
      roles,
      left: template.left,
      [Symbol.asyncDispose]: close,
    };
  } catch (error) {
    await local.close();
    throw error;
  }
}

function topologyOf({ Metadata }: CloudFormation): Topology {
  const topology = Metadata?.[TOPOLOGY_METADATA];
  if (topology === undefined)
    throw new TypeError(`expected the template of an exchange, with ${TOPOLOGY_METADATA} in its Metadata`);
  return resolveTopology(topology as TopologyInput);
}

/** The template's roles by the names of their users. */
function usersOf(topology: Topology, template: LocalTemplate, urlServiceArn: string) {
  const arns = new Map([
    ...topology.producers.map(
      ({ name }) => [`producer-${name}`, template.output(`ProducerRole${plain(name)}`)] as const,
    ),
    ...topology.consumers.map(
      ({ name }) => [`consumer-${name}`, template.output(`ConsumerRole${plain(name)}`)] as const,
    ),
    ['replay', template.output('ReplayRole')],
    ['revoker', template.output('RevokerRole')],
    ['url-service', urlServiceArn],
  ]);
  return new Map(
    [...arns].map(([name, arn]) => {
      const role = template.roles.find((each) => each.arn === arn);
      if (role === undefined) throw new TypeError(`the template has no role ${arn} for ${name}`);
      return [name, role] as const;
    }),
  );
}

/** What a user of this role puts into its environment, as the deployed stack's outputs say it. */
function variablesOf(
  user: string,
  {
    dir,
    local,
    template,
    topology,
    urlService,
  }: {
    readonly dir: string;
    readonly local: LocalStack;
    readonly template: LocalTemplate;
    readonly topology: Topology;
    readonly urlService: string;
  },
): Readonly<Record<string, string>> {
  const { credentials } = local.clientOptions(user);
  const consumer = topology.consumers.find(({ name }) => user === `consumer-${name}`);
  const producer = topology.producers.find(({ name }) => user === `producer-${name}`);
  return {
    AWS_ENDPOINT_URL: local.endpoint,
    AWS_REGION: local.region,
    AWS_ACCESS_KEY_ID: credentials.accessKeyId,
    AWS_SECRET_ACCESS_KEY: credentials.secretAccessKey,
    ...here(
      { WAYBILL_STORES: template.output('Stores'), WAYBILL_CONTROL: template.output('ControlStore') },
      local,
    ),
    ...(consumer === undefined
      ? { WAYBILL_BUS: template.output('BusName') }
      : {
          WAYBILL_QUEUE: queueUrlHere(template.output(`Queue${plain(consumer.name)}`), local),
          WAYBILL_URL_SERVICE: urlService,
        }),
    ...(producer === undefined ? {} : { WAYBILL_SIGNING_KEY: signingKeyPath(dir, producer.name) }),
  };
}

/** Stores of a deployed exchange (also one alone, and a place in one), as they are reached in the embedded stack. */
function here(variables: Readonly<Record<string, string>>, local: LocalStack): Record<string, string> {
  const place = { endpoint: local.endpoint, pathStyle: true };
  const moved = (value: Readonly<Record<string, unknown>>): object =>
    typeof value['bucket'] === 'string'
      ? { ...value, ...place }
      : Object.fromEntries(
          Object.entries(value).map(([name, store]) => [name, { ...(store as object), ...place }]),
        );
  return Object.fromEntries(
    Object.entries(variables).map(([name, value]) =>
      /^WAYBILL_(?:STORES|CONTROL|PRODUCER_KEYS)$/.test(name)
        ? [name, JSON.stringify(moved(JSON.parse(value) as Record<string, unknown>))]
        : [name, value],
    ),
  );
}

function queueUrlHere(url: string, local: LocalStack): string {
  return local.queueUrl(url.slice(url.lastIndexOf('/') + 1));
}

/** Puts the public keys where the URL service looks for them, as the rotation of a deployed exchange does. */
async function publishKeys(
  local: LocalStack,
  { WAYBILL_PRODUCER_KEYS: place = '' }: Readonly<Record<string, string>>,
  keys: readonly ProducerKey[],
): Promise<void> {
  const { bucket: Bucket, key: Key } = JSON.parse(place) as { readonly bucket: string; readonly key: string };
  const s3 = new S3Client(local.clientOptions('admin'));
  try {
    await s3.send(new PutObjectCommand({ Bucket, Key, Body: serialiseProducerKeys(keys) }));
  } finally {
    s3.destroy();
  }
}

/** The producers' keys, made once. Two runs with other producers keep those of both. */
async function keptKeys(dir: string, { producers }: Topology): Promise<readonly ProducerKey[]> {
  const path = join(dir, 'producer-keys.json');
  const kept = await readIfThere(path);
  const keys = kept === undefined ? [] : [...parseProducerKeys(kept)];
  for (const { name: issuer } of producers) {
    const text = await readIfThere(signingKeyPath(dir, issuer));
    if (text !== undefined && keys.some(({ kid }) => kid === parseSigningKey(text).kid)) continue;
    const { signingKey, producerKey } = generateProducerKey({ issuer });
    keys.push({ ...producerKey, prefixes: [`${PAYLOAD_PREFIX}${issuer}/`] });
    await writePrivateFile(signingKeyPath(dir, issuer), serialiseSigningKey(signingKey));
    await writePrivateFile(path, serialiseProducerKeys(keys));
  }
  return keys;
}

function signingKeyPath(dir: string, producer: string): string {
  return join(dir, `signing-key-${producer}.json`);
}

/** A name as output ids hold it. */
function plain(name: string): string {
  return name.replaceAll(/[^A-Za-z0-9]/g, '');
}

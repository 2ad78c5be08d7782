import type { LocalStack } from '../../local/index.ts';
import { startLocal } from '../../local/index.ts';

/** Whose list of expected differences holds. */
export type EndpointKind = 'local' | 'radosgw' | 'other';

/** Where the suite sends its requests. */
export interface Target {
  readonly kind: EndpointKind;
  /** Origin, without a path. */
  readonly endpoint: string;
  readonly region: string;
  readonly credentials: {
    readonly accessKeyId: string;
    readonly secretAccessKey: string;
    readonly sessionToken?: string;
  };
  /** Host below which a bucket's name is a label (virtual-hosted style), with its port. */
  readonly virtualHost: string;
}

/** What the radosgw project's set-up hands to its tests. */
export const TARGET_KEY = 'waybillConformanceTarget';

declare module 'vitest' {
  interface ProvidedContext {
    readonly waybillConformanceTarget?: Target;
  }
}

const PREFIX = 'WAYBILL_CONFORMANCE_';

/**
 * The endpoint that the environment names.
 * @returns undefined if it names none
 * @throws {TypeError} if it names one without credentials
 */
export function targetFromEnvironment(env: NodeJS.ProcessEnv): Target | undefined {
  const read = (name: string): string | undefined => env[`${PREFIX}${name}`];
  const endpoint = read('ENDPOINT');
  if (endpoint === undefined) return undefined;
  const required = (name: string): string => {
    const value = read(name);
    if (value === undefined || value === '')
      throw new TypeError(`${PREFIX}${name}: got nothing, expected a value with ${PREFIX}ENDPOINT`);
    return value;
  };
  const sessionToken = read('SESSION_TOKEN');
  return {
    kind: kindOf(read('KIND') ?? 'other'),
    endpoint: new URL(endpoint).origin,
    region: read('REGION') ?? 'us-east-1',
    credentials: {
      accessKeyId: required('ACCESS_KEY_ID'),
      secretAccessKey: required('SECRET_ACCESS_KEY'),
      ...(sessionToken === undefined ? {} : { sessionToken }),
    },
    virtualHost: read('VIRTUAL_HOST') ?? virtualHostOf(endpoint),
  };
}

/** The embedded stack in this process. Its region is not us-east-1, which has exceptions. */
export async function startLocalTarget(): Promise<Target & { stop(): Promise<void> }> {
  const stack: LocalStack = await startLocal({ region: 'eu-west-1' });
  const { endpoint, region, credentials } = stack;
  return {
    kind: 'local',
    endpoint,
    region,
    credentials,
    virtualHost: virtualHostOf(endpoint),
    stop: async () => await stack.close(),
  };
}

/** Buckets cannot be labels below an address: on loopback they are below `localhost`. */
export function virtualHostOf(endpoint: string): string {
  const { hostname, host, port } = new URL(endpoint);
  return hostname === '127.0.0.1' ? `localhost:${port}` : host;
}

function kindOf(text: string): EndpointKind {
  if (text === 'local' || text === 'radosgw' || text === 'other') return text;
  throw new TypeError(`${PREFIX}KIND: got "${text}", expected local, radosgw or other`);
}

import { createHash, randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';
import { exportJWK, generateKeyPair, SignJWT, type JWK } from 'jose';
import { selfSigned } from './certificate.ts';

export interface OpenIdOptions {
  /** The https URL that it believes to have. */
  readonly issuer: string;
  readonly clientId: string;
  readonly redirectUri: string;
  /** Of access tokens. */
  readonly audience: string;
  readonly nowMs: () => number;
}

/** How the next person who comes to sign in is answered. */
export type Answer = 'granted' | 'denied' | 'with another state';

/** An OpenID provider that asks no questions: a code for whoever comes, for a client that proves itself by PKCE. */
export interface OpenIdProvider extends AsyncDisposable {
  /** Of its https server on loopback. */
  readonly port: number;
  /** Where its keys are, by plain http for the functions. */
  readonly keysUrl: string;
  readonly keys: readonly JWK[];
  answer: Answer;
  givesRefreshTokens: boolean;
  /** Who comes. */
  person: string;
  /** What the token endpoint was asked: grant types, and refusals. */
  readonly log: string[];
}

const LIFE_SECONDS = 3600;

export async function startOpenIdProvider(options: OpenIdOptions): Promise<OpenIdProvider> {
  const { issuer, clientId, redirectUri, audience, nowMs } = options;
  const { privateKey, publicKey } = await generateKeyPair('ES256');
  const keys = [{ ...(await exportJWK(publicKey)), alg: 'ES256' }];
  const codes = new Map<string, { readonly challenge: string; readonly nonce: string }>();
  const refreshTokens = new Set<string>();
  const log: string[] = [];

  const sign = async (claims: Readonly<Record<string, unknown>>): Promise<string> => {
    const now = Math.floor(nowMs() / 1000);
    return await new SignJWT({ sub: `${provider.person}-4711`, ...claims })
      .setProtectedHeader({ alg: 'ES256' })
      .setIssuer(issuer)
      .setIssuedAt(now)
      .setExpirationTime(now + LIFE_SECONDS)
      .sign(privateKey);
  };
  const tokens = async (nonce: string | undefined): Promise<object> => {
    const refresh = randomUUID();
    if (provider.givesRefreshTokens) refreshTokens.add(refresh);
    return {
      token_type: 'Bearer',
      expires_in: LIFE_SECONDS,
      access_token: await sign({ aud: audience }),
      id_token: await sign({ aud: clientId, email: `${provider.person}@example.com`, nonce }),
      ...(provider.givesRefreshTokens ? { refresh_token: refresh } : {}),
    };
  };

  const authorize = (query: URLSearchParams): string => {
    const asked = Object.fromEntries(query);
    const fits =
      asked['client_id'] === clientId &&
      asked['redirect_uri'] === redirectUri &&
      asked['response_type'] === 'code' &&
      asked['code_challenge_method'] === 'S256' &&
      asked['scope']?.split(' ').includes('openid') === true;
    if (!fits) throw new TypeError(`authorize: got ${query.toString()}`);
    const back = new URL(redirectUri);
    const state = provider.answer === 'with another state' ? 'forged' : (asked['state'] ?? '');
    back.searchParams.set('state', state);
    if (provider.answer === 'denied') {
      back.searchParams.set('error', 'access_denied');
      back.searchParams.set('error_description', 'Ann is not on the list.');
    } else {
      const code = randomUUID();
      codes.set(code, { challenge: asked['code_challenge'] ?? '', nonce: asked['nonce'] ?? '' });
      back.searchParams.set('code', code);
    }
    return back.href;
  };

  const grant = async (form: URLSearchParams): Promise<object | undefined> => {
    const kind = form.get('grant_type') ?? '';
    log.push(kind);
    if (form.get('client_id') !== clientId) return undefined;
    if (kind === 'refresh_token')
      return refreshTokens.delete(form.get('refresh_token') ?? '') ? await tokens(undefined) : undefined;
    const code = codes.get(form.get('code') ?? '');
    codes.delete(form.get('code') ?? '');
    const verifier = createHash('sha256')
      .update(form.get('code_verifier') ?? '')
      .digest('base64url');
    return code?.challenge === verifier && form.get('redirect_uri') === redirectUri
      ? await tokens(code.nonce)
      : undefined;
  };

  const serve = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const url = new URL(request.url ?? '', issuer);
    const json = (status: number, body: object): void => {
      response.writeHead(status, {
        'content-type': 'application/json',
        'access-control-allow-origin': new URL(redirectUri).origin,
      });
      response.end(JSON.stringify(body));
    };
    if (url.pathname === '/.well-known/openid-configuration')
      json(200, {
        issuer,
        authorization_endpoint: `${issuer}/authorize`,
        token_endpoint: `${issuer}/token`,
        revocation_endpoint: `${issuer}/revoke`,
        jwks_uri: `${issuer}/keys`,
        id_token_signing_alg_values_supported: ['ES256'],
      });
    else if (url.pathname === '/keys') json(200, { keys });
    else if (url.pathname === '/authorize')
      response.writeHead(302, { location: authorize(url.searchParams) }).end();
    else if (url.pathname === '/token') {
      const given = await grant(new URLSearchParams(await text(request)));
      if (given === undefined) log.push('refused');
      json(given === undefined ? 400 : 200, given ?? { error: 'invalid_grant' });
    } else if (url.pathname === '/revoke') {
      log.push('revoked');
      refreshTokens.delete(new URLSearchParams(await text(request)).get('token') ?? '');
      json(200, {});
    } else json(404, {});
  };
  const listener = (request: IncomingMessage, response: ServerResponse): void =>
    void serve(request, response).catch((error: unknown) => {
      log.push(String(error));
      response.writeHead(500).end();
    });
  const [secure, plain] = [createTlsServer(selfSigned(), listener), createServer(listener)];
  for (const server of [secure, plain]) {
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
  }
  const provider: OpenIdProvider = {
    port: (secure.address() as AddressInfo).port,
    keysUrl: `http://127.0.0.1:${(plain.address() as AddressInfo).port}/keys`,
    keys,
    answer: 'granted',
    givesRefreshTokens: true,
    person: 'ann',
    log,
    [Symbol.asyncDispose]: async () => {
      for (const server of [secure, plain]) {
        server.closeAllConnections();
        server.close();
      }
      await Promise.resolve();
    },
  };
  return provider;
}

import * as oauth from 'oauth4webapi';
import type { SignInConfig } from '../../shared/page-config.ts';
import { Problem } from '../session.ts';

/** What the issuer gave for one sign-in, or for a refresh of it. In this page's memory only. */
export interface Tokens {
  /** The one that the upload service takes. */
  readonly bearer: string;
  readonly refresh: string | undefined;
  /** Whom it is for: to the issuer, and as a person would know them. */
  readonly subject: string;
  readonly name: string;
}

/** What must survive the way to the issuer and back; nothing of it is worth anything afterwards. */
interface Pending {
  readonly verifier: string;
  readonly state: string;
  readonly nonce: string;
}

const PENDING = 'waybill-sign-in';
/** Longest that signing out waits for the issuer, in milliseconds. */
const FORGET_MS = 3000;

/** An issuer and this page as its client: authorization code with PKCE, no secret. @see https://www.rfc-editor.org/rfc/rfc9700#section-2.1.1 */
export interface OpenId {
  /** Leaves the page for the issuer's. */
  begin(): Promise<void>;
  /**
   * Takes what the issuer sent back with the person, and clears it from the address.
   * @returns undefined if nobody came back
   * @throws {Problem} saying why there is no sign-in
   */
  finish(): Promise<Tokens | undefined>;
  /** @throws {Problem} if the issuer refuses, or does not answer */
  refresh(tokens: Tokens): Promise<Tokens>;
  /** Tells the issuer that a refresh token is not needed any more, if it wants to know. */
  forget(tokens: Tokens): Promise<void>;
}

export function createOpenId(config: SignInConfig): OpenId {
  const issuer = new URL(config.issuer);
  const client: oauth.Client = { client_id: config.clientId };
  const redirectUri = new URL('./', location.origin + location.pathname).href;
  const inWords = async <T>(work: () => Promise<T>): Promise<T> => {
    try {
      return await work();
    } catch (error) {
      throw explain(error, issuer.host);
    }
  };
  let known: Promise<oauth.AuthorizationServer> | undefined;
  const server = async (): Promise<oauth.AuthorizationServer> =>
    await (known ??= discover(issuer).catch((error: unknown) => {
      known = undefined;
      throw error;
    }));
  const toTokens = (answer: oauth.TokenEndpointResponse, before?: Tokens): Tokens => {
    const bearer = config.token === 'id' ? answer.id_token : answer.access_token;
    if (bearer === undefined) throw new Problem(401, '', `${issuer.host} gave no ${config.token} token.`);
    const claims = oauth.getValidatedIdTokenClaims(answer);
    return {
      bearer,
      refresh: answer.refresh_token ?? before?.refresh,
      subject: claims?.sub ?? before?.subject ?? '',
      name: nameIn(claims) ?? before?.name ?? '',
    };
  };

  return {
    begin: async () =>
      await inWords(async () => {
        const { authorization_endpoint: endpoint } = await server();
        if (endpoint === undefined) throw new Problem(0, '', `${issuer.host} has no page to sign in at.`);
        const pending: Pending = {
          verifier: oauth.generateRandomCodeVerifier(),
          state: oauth.generateRandomState(),
          nonce: oauth.generateRandomNonce(),
        };
        const url = new URL(endpoint);
        const parameters = {
          ...config.parameters,
          client_id: config.clientId,
          redirect_uri: redirectUri,
          response_type: 'code',
          scope: config.scopes.join(' '),
          code_challenge: await oauth.calculatePKCECodeChallenge(pending.verifier),
          code_challenge_method: 'S256',
          state: pending.state,
          nonce: pending.nonce,
        };
        for (const [name, value] of Object.entries(parameters)) url.searchParams.set(name, value);
        sessionStorage.setItem(PENDING, JSON.stringify(pending));
        location.assign(url);
      }),
    async finish() {
      const pending = takePending();
      const came = new URLSearchParams(location.search);
      if (!came.has('code') && !came.has('error')) return undefined;
      history.replaceState(null, '', location.pathname + location.hash);
      if (pending === undefined) throw notOurs();
      return await inWords(async () => {
        const as = await server();
        const answer = oauth.validateAuthResponse(as, client, came, pending.state);
        const none = oauth.None();
        const { verifier, nonce } = pending;
        const response = await oauth.authorizationCodeGrantRequest(
          as,
          client,
          none,
          answer,
          redirectUri,
          verifier,
        );
        return toTokens(
          await oauth.processAuthorizationCodeResponse(as, client, response, {
            expectedNonce: nonce,
            requireIdToken: true,
          }),
        );
      });
    },
    refresh: async (tokens) =>
      await inWords(async () => {
        const as = await server();
        const { refresh = '' } = tokens;
        const response = await oauth.refreshTokenGrantRequest(as, client, oauth.None(), refresh);
        return toTokens(await oauth.processRefreshTokenResponse(as, client, response), tokens);
      }),
    async forget({ refresh }) {
      const as = await server();
      if (refresh === undefined || as.revocation_endpoint === undefined) return;
      const signal = AbortSignal.timeout(FORGET_MS);
      await oauth.revocationRequest(as, client, oauth.None(), refresh, { signal });
    },
  };
}

async function discover(issuer: URL): Promise<oauth.AuthorizationServer> {
  return await oauth.processDiscoveryResponse(issuer, await oauth.discoveryRequest(issuer));
}

/** Read once, and gone. */
function takePending(): Pending | undefined {
  const text = sessionStorage.getItem(PENDING);
  sessionStorage.removeItem(PENDING);
  return text === null ? undefined : (JSON.parse(text) as Pending);
}

function nameIn(claims: oauth.IDToken | undefined): string | undefined {
  const names = [claims?.['email'], claims?.['name'], claims?.sub];
  return names.find((name): name is string => typeof name === 'string' && name !== '');
}

function notOurs(): Problem {
  return new Problem(401, '', 'This sign-in was not begun here, or it was begun twice. Sign in again.');
}

/** What went wrong, for the person who wanted to sign in. */
function explain(error: unknown, host: string): Problem {
  if (error instanceof Problem) return error;
  const { status = 0 } = ((error as Error).cause ?? error) as { readonly status?: number };
  if (error instanceof TypeError || status >= 500)
    return new Problem(status, '', `${host}, where you sign in, does not answer. Try again later.`);
  if (error instanceof oauth.AuthorizationResponseError || error instanceof oauth.ResponseBodyError) {
    const { error: code, error_description: said = code } = error;
    return new Problem(401, '', `${host} did not sign you in: ${said}`);
  }
  if (error instanceof oauth.OperationProcessingError && error.code === oauth.INVALID_RESPONSE)
    return notOurs();
  return new Problem(401, '', `What ${host} answered is not a sign-in. Sign in again.`);
}

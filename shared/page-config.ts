/** What `config.json`, beside the page, says of the server that the page came from. */
export type PageConfig = LocalPageConfig | DeployedPageConfig;

/** `waybill up`: it opens a session by itself, and shows the exchange live. */
export interface LocalPageConfig {
  readonly server: 'local';
}

/** The upload service on AWS. */
export interface DeployedPageConfig {
  readonly server: 'deployed';
  /** Where the bytes go: the store's origin. */
  readonly store: string;
  readonly signIn: SignInConfig;
}

/** Who signs people in, and as what this page is known there. @see https://openid.net/specs/openid-connect-core-1_0.html */
export interface SignInConfig {
  /** An https URL with OpenID Connect discovery. */
  readonly issuer: string;
  /** A public client: it has no secret. */
  readonly clientId: string;
  readonly scopes: readonly string[];
  /** Which of the issuer's tokens the upload service takes. */
  readonly token: 'access' | 'id';
  /** Further parameters of the authorization request, such as `audience` or `resource`. */
  readonly parameters: Readonly<Record<string, string>>;
}

/** What is known of a request: one value or several for each key, such as `aws:SourceIp`. */
export type ContextValues = Readonly<Record<string, string | readonly string[] | undefined>>;

/** The facts of a request by condition key. Keys are the same in upper and lower case, as in IAM. */
export class PolicyContext {
  readonly #values = new Map<string, readonly string[]>();

  constructor(values: ContextValues) {
    for (const [key, value] of Object.entries(values)) {
      if (value === undefined) continue;
      this.#values.set(key.toLowerCase(), typeof value === 'string' ? [value] : value);
    }
  }

  /** The values of a key; undefined if the request does not have it. */
  valuesOf(key: string): readonly string[] | undefined {
    return this.#values.get(key.toLowerCase());
  }
}

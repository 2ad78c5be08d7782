import { inspect } from 'node:util';

/**
 * A string that cannot be logged by accident: `String()`, `JSON.stringify`, template literals,
 * `util.inspect` and `structuredClone` show a label, never the value. Only `reveal()` gives it.
 */
export class Secret {
  readonly #value: string;

  constructor(value: string) {
    this.#value = value;
  }

  /** The value itself. Call it only where the value leaves for its one rightful receiver. */
  reveal(): string {
    return this.#value;
  }

  toString(): string {
    return '[secret]';
  }

  toJSON(): string {
    return this.toString();
  }

  [inspect.custom](): string {
    return this.toString();
  }
}

/** A presigned URL. What it shows is the address without its query: that says which object, and grants nothing. */
export class SecretUrl extends Secret {
  override toString(): string {
    return `${this.reveal().split('?', 1)[0] ?? ''}?[secret]`;
  }
}

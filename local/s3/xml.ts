import { XMLParser, XMLValidator } from 'fast-xml-parser';
import { S3Error } from './errors.ts';

/** Values of an element: text, children by name, or a list of either, which repeats the element. */
export type XmlValue =
  | string
  | number
  | boolean
  | undefined
  | { readonly [name: string]: XmlValue }
  | readonly XmlValue[];

/** Parsed XML: text, or children by name. */
export type XmlNode = string | { readonly [name: string]: XmlNode | readonly XmlNode[] };

const NAMESPACE = 'http://s3.amazonaws.com/doc/2006-03-01/';

/**
 * Writes a document with S3's namespace. Undefined values are left out.
 *
 * Written by hand because keys may hold control characters: they become character references, as in S3,
 * which builders of XML text do not write.
 */
export function toXml(root: string, children: { readonly [name: string]: XmlValue }): string {
  return `<?xml version="1.0" encoding="UTF-8"?>\n<${root} xmlns="${NAMESPACE}">${write(children)}</${root}>`;
}

/** A document whose root holds text only. */
export function toXmlText(root: string, text: string): string {
  return `<?xml version="1.0" encoding="UTF-8"?>\n<${root} xmlns="${NAMESPACE}">${escape(text)}</${root}>`;
}

/** A document without a namespace, as S3 writes errors. */
export function toPlainXml(root: string, children: { readonly [name: string]: XmlValue }): string {
  return `<?xml version="1.0" encoding="UTF-8"?>\n<${root}>${write(children)}</${root}>`;
}

/**
 * Parses a request body whose root must be `root`.
 * @throws {S3Error} MalformedXML, also for any document type declaration or CDATA section.
 */
export function parseXml(text: string, root: string): XmlNode {
  if (/<!(?:DOCTYPE|ENTITY|\[CDATA\[)/.test(text) || XMLValidator.validate(text) !== true) {
    throw new S3Error('MalformedXML');
  }
  const parser = new XMLParser({
    ignoreAttributes: true,
    parseTagValue: false,
    trimValues: false,
    ignoreDeclaration: true,
    removeNSPrefix: true,
    // Its own decoding drops references to control characters, and so would name another key.
    processEntities: false,
    tagValueProcessor: (_name, value) => unescape(value),
  });
  const parsed = parse(parser, text);
  const node = Object.hasOwn(parsed, root) ? parsed[root] : undefined;
  if (node === undefined) throw new S3Error('MalformedXML');
  return node;
}

/** The parser refuses some names, such as `__proto__`, and what is nested too deeply, by errors of its own. */
function parse(parser: XMLParser, text: string): Record<string, XmlNode | undefined> {
  try {
    return parser.parse(text) as Record<string, XmlNode | undefined>;
  } catch (error) {
    throw error instanceof S3Error ? error : new S3Error('MalformedXML');
  }
}

/** The children of this name, as a list. */
export function childrenOf(node: XmlNode, name: string): readonly XmlNode[] {
  if (typeof node === 'string') return [];
  const child = node[name];
  if (child === undefined) return [];
  return Array.isArray(child) ? (child as readonly XmlNode[]) : [child as XmlNode];
}

/** The text of the only child of this name; undefined if it is not there. @throws {S3Error} MalformedXML */
export function textOf(node: XmlNode, name: string): string | undefined {
  const [child, ...more] = childrenOf(node, name);
  if (child === undefined) return undefined;
  if (typeof child !== 'string' || more.length > 0) throw new S3Error('MalformedXML');
  return child;
}

function write(children: { readonly [name: string]: XmlValue }): string {
  return Object.entries(children)
    .flatMap(([name, value]) =>
      (Array.isArray(value) ? (value as XmlValue[]) : [value]).map((item) => [name, item] as const),
    )
    .map(([name, value]) => element(name, value))
    .join('');
}

function element(name: string, value: XmlValue): string {
  if (value === undefined) return '';
  const body =
    typeof value === 'object' ? write(value as { readonly [name: string]: XmlValue }) : escape(String(value));
  return `<${name}>${body}</${name}>`;
}

function escape(text: string): string {
  // oxlint-disable-next-line no-control-regex -- control characters are the point: keys may hold them
  return text.replaceAll(/[&<>"\u0000-\u001f\u007f\ufffe\uffff]/g, (char) => {
    switch (char) {
      case '&':
        return '&amp;';
      case '<':
        return '&lt;';
      case '>':
        return '&gt;';
      case '"':
        return '&quot;';
      default:
        return `&#x${char.charCodeAt(0).toString(16).toUpperCase()};`;
    }
  });
}

const NAMED_ENTITIES: Readonly<Record<string, string>> = { amp: '&', lt: '<', gt: '>', quot: '"', apos: "'" };

/** @throws {S3Error} MalformedXML for an unknown entity or a number that is no character. */
function unescape(text: string): string {
  return text.replaceAll(/&(?:#x([0-9a-f]{1,6})|#(\d{1,7})|([a-z]+));?/gi, (_, hex, decimal, name) => {
    const named = NAMED_ENTITIES[String(name)];
    if (named !== undefined) return named;
    const code = typeof hex === 'string' ? Number.parseInt(hex, 16) : Number(decimal);
    if (!(code <= 0x10ffff)) throw new S3Error('MalformedXML');
    return String.fromCodePoint(code);
  });
}

import { isRecord } from '../wire.ts';

const NAMESPACE = 'http://queue.amazonaws.com/doc/2012-11-05/';

/** Names of the elements of lists, by the JSON protocol's name of the list. */
const ELEMENTS: Readonly<Record<string, (action: string) => string>> = {
  QueueUrls: () => 'QueueUrl',
  queueUrls: () => 'QueueUrl',
  Messages: () => 'Message',
  Successful: (action) => `${action}ResultEntry`,
  Failed: () => 'BatchResultErrorEntry',
  Results: () => 'ListMessageMoveTasksResultEntry',
};

/** Names of the elements of maps, and of their keys. */
const MAPS: Readonly<Record<string, readonly [element: string, key: string]>> = {
  Attributes: ['Attribute', 'Name'],
  MessageAttributes: ['MessageAttribute', 'Name'],
  Tags: ['Tag', 'Key'],
};

/** An action's output as the XML of the query protocol. */
export function writeQueryOutput(
  action: string,
  output: Readonly<Record<string, unknown>>,
  requestId: string,
): string {
  const result = element(`${action}Result`, fields(output, action));
  const metadata = element('ResponseMetadata', element('RequestId', requestId));
  return `<?xml version="1.0"?><${action}Response xmlns="${NAMESPACE}">${result}${metadata}</${action}Response>`;
}

/** An error as the XML of the query protocol. */
export function writeQueryError(code: string, message: string, status: number, requestId: string): string {
  const type = status < 500 ? 'Sender' : 'Receiver';
  const parts = [element('Type', type), element('Code', escape(code)), element('Message', escape(message))];
  const error = element('Error', `${parts.join('')}<Detail/>`);
  return `<?xml version="1.0"?><ErrorResponse xmlns="${NAMESPACE}">${error}${element('RequestId', requestId)}</ErrorResponse>`;
}

function fields(output: Readonly<Record<string, unknown>>, action: string): string {
  return Object.entries(output)
    .map(([name, value]) => field(name, value, action))
    .join('');
}

function field(name: string, value: unknown, action: string): string {
  if (value === undefined || value === null) return '';
  if (Array.isArray(value)) {
    const each = ELEMENTS[name]?.(action) ?? name;
    return value.map((item: unknown) => element(each, content(item, action))).join('');
  }
  const map = MAPS[name];
  if (map === undefined || !isRecord(value)) return element(name, content(value, action));
  const [each, key] = map;
  return Object.entries(value)
    .map(([entry, inner]) =>
      element(each, element(key, escape(entry)) + element('Value', content(inner, action))),
    )
    .join('');
}

function content(value: unknown, action: string): string {
  return isRecord(value) ? fields(value, action) : escape(String(value));
}

function element(name: string, inner: string): string {
  return `<${name}>${inner}</${name}>`;
}

function escape(text: string): string {
  return text
    .replaceAll('&', '&amp;')
    .replaceAll('<', '&lt;')
    .replaceAll('>', '&gt;')
    .replaceAll('"', '&quot;')
    .replaceAll('\r', '&#xD;');
}

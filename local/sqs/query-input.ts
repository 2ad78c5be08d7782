import { isRecord } from '../wire.ts';

/** An action as the JSON protocol has it. */
export interface QueryRequest {
  readonly action: string;
  readonly input: Record<string, unknown>;
}

/** Fields that are numbers in the JSON protocol. */
const NUMBERS: ReadonlySet<string> = new Set([
  'VisibilityTimeout',
  'DelaySeconds',
  'MaxNumberOfMessages',
  'WaitTimeSeconds',
  'MaxResults',
  'MaxNumberOfMessagesPerSecond',
]);

/** Lists, by the name that their elements carry in the query protocol. */
const LISTS: Readonly<Record<string, string>> = {
  AttributeName: 'AttributeNames',
  MessageAttributeName: 'MessageAttributeNames',
  MessageSystemAttributeName: 'MessageSystemAttributeNames',
  TagKey: 'TagKeys',
  SendMessageBatchRequestEntry: 'Entries',
  DeleteMessageBatchRequestEntry: 'Entries',
  ChangeMessageVisibilityBatchRequestEntry: 'Entries',
};

/** Maps, by the name of their elements, with the name of an element's key. */
const MAPS: Readonly<Record<string, { readonly field: string; readonly key: string }>> = {
  Attribute: { field: 'Attributes', key: 'Name' },
  MessageAttribute: { field: 'MessageAttributes', key: 'Name' },
  MessageSystemAttribute: { field: 'MessageSystemAttributes', key: 'Name' },
  Tag: { field: 'Tags', key: 'Key' },
};

/**
 * Reads a form of the query protocol, which clients from before 2023 speak.
 * @param path of the request: a queue's, if the form does not name the queue.
 * @see https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-making-api-requests-xml.html
 */
export function readQuery(body: Buffer, path: string): QueryRequest {
  const tree: Tree = new Map();
  for (const [key, value] of new URLSearchParams(body.toString('utf8'))) place(tree, key.split('.'), value);
  const { Action: action = '', Version: _version, ...input } = convert(tree);
  if (action === 'CreateQueue' && input['Tags'] !== undefined) {
    input['tags'] = input['Tags']; // the JSON protocol's own spelling, here only
    delete input['Tags'];
  }
  if (input['QueueUrl'] === undefined && path.split('/').length === 3) input['QueueUrl'] = path;
  return { action: String(action), input };
}

/** Names with dots, taken apart; a Map, for the names are the client's. */
type Tree = Map<string, Tree | string>;

function place(tree: Tree, [step = '', ...rest]: readonly string[], value: string): void {
  if (rest.length === 0) {
    tree.set(step, value);
    return;
  }
  const there = tree.get(step);
  const child: Tree = there instanceof Map ? there : new Map();
  tree.set(step, child);
  place(child, rest, value);
}

function convert(tree: Tree): Record<string, unknown> {
  const fields: Record<string, unknown> = {};
  for (const [name, value] of tree) {
    if (typeof value === 'string') fields[name] = NUMBERS.has(name) ? toNumber(value) : value;
    else if (Object.hasOwn(LISTS, name)) fields[LISTS[name] ?? name] = elements(value);
    else if (Object.hasOwn(MAPS, name)) Object.assign(fields, toMap(name, value));
    else fields[name] = convert(value);
  }
  return fields;
}

/** Values under 1, 2, 3 … in their order. */
function elements(tree: Tree): readonly unknown[] {
  const numbered = [...tree].sort(([a], [b]) => Number(a) - Number(b));
  return numbered.map(([, value]) => (typeof value === 'string' ? value : convert(value)));
}

function toMap(name: string, tree: Tree): Record<string, unknown> {
  const { field = name, key = 'Name' } = MAPS[name] ?? {};
  const entries = elements(tree).filter((element) => isRecord(element));
  return { [field]: Object.fromEntries(entries.map((entry) => [String(entry[key]), entry['Value']])) };
}

/** What is no number stays text, for the action to refuse. */
function toNumber(text: string): number | string {
  return /^-?\d+$/.test(text) ? Number(text) : text;
}

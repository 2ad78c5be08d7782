import type { JsonAccess } from '../json-access.ts';
import { LOCAL_ACCOUNT_ID } from '../sqs-store.ts';
import { busArn } from './bus-actions.ts';
import { busNameOf, objects, optionalText, type Input } from './input.ts';
import { ruleArn } from './rule-actions.ts';

const BUS_ACTIONS: ReadonlySet<string> = new Set(['CreateEventBus', 'DeleteEventBus', 'DescribeEventBus']);
const PERMISSION_ACTION = /^(?:Put|Remove)Permission$/;
const RULE_ACTION =
  /^(?:(?:Put|Delete|Describe|Enable|Disable)Rule|(?:Put|Remove)Targets|ListTargetsByRule)$/;

/**
 * What a request to EventBridge must be allowed. PutEvents needs it for each of its events, by source and type.
 * @see https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazoneventbridge.html
 */
export function eventBridgeAccesses(action: string, input: Input, region: string): readonly JsonAccess[] {
  const name = `events:${action}`;
  if (action === 'PutEvents') {
    const entries = objects(input['Entries']);
    return entries.map((entry) => ({
      action: name,
      resource: busArn(region, busNameOf(entry['EventBusName'])),
      context: {
        'events:source': optionalText(entry, 'Source'),
        'events:detail-type': optionalText(entry, 'DetailType'),
        'events:eventBusInvocation': 'false',
      },
    }));
  }
  return [{ action: name, resource: resourceOf(action, input, region) }];
}

function resourceOf(action: string, input: Input, region: string): string {
  if (PERMISSION_ACTION.test(action)) return busArn(region, busNameOf(input['EventBusName']));
  if (BUS_ACTIONS.has(action)) return busArn(region, busNameOf(input['Name']));
  const rule = optionalText(input, 'Rule') ?? optionalText(input, 'Name');
  if (RULE_ACTION.test(action)) return ruleArn(region, busNameOf(input['EventBusName']), rule ?? '');
  for (const kind of ['Archive', 'Replay']) {
    const named = optionalText(input, `${kind}Name`);
    if (named !== undefined && action.endsWith(kind))
      return `arn:aws:events:${region}:${LOCAL_ACCOUNT_ID}:${kind.toLowerCase()}/${named}`;
  }
  return '*';
}

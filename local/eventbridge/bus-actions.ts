import { AwsError, notImplemented } from '../aws-error.ts';
import { checkResourcePolicy } from '../resource-policy.ts';
import { LOCAL_ACCOUNT_ID } from '../sqs-store.ts';
import {
  busNameOf,
  optionalText,
  paginate,
  requiredName,
  requiredText,
  validation,
  type Input,
} from './input.ts';
import type { Bus, EventBridgeState } from './state.ts';

/** What actions work on. */
export interface ActionContext {
  readonly state: EventBridgeState;
  readonly region: string;
  nowMs(): number;
}

/** Carries out one action. */
export type Action = (input: Input, context: ActionContext) => Promise<object> | object;

/** Actions on event buses. */
export const busActions: Readonly<Record<string, Action>> = {
  CreateEventBus: async (input, context) => {
    const { state } = context;
    if (input['EventSourceName'] !== undefined) throw notImplemented('partner event buses');
    const name = requiredName(input, 'Name', 256);
    if (state.buses.has(name))
      throw new AwsError('ResourceAlreadyExistsException', `Event bus ${name} already exists.`);
    const description = optionalText(input, 'Description');
    await state.putBus({
      name,
      createdAtMs: context.nowMs(),
      ...(description === undefined ? {} : { description }),
    });
    return { EventBusArn: busArn(context.region, name) };
  },

  DeleteEventBus: async (input, { state }) => {
    const name = requiredName(input, 'Name', 256);
    if (name === 'default') throw validation('Cannot delete event bus default.');
    const rules = state.buses.get(name)?.rules.size ?? 0;
    if (rules > 0) throw validation(`Event bus ${name} has ${rules} rules; delete them first.`);
    await state.deleteBus(name);
    return {};
  },

  DescribeEventBus: (input, { state, region }) => describe(state.bus(busNameOf(input['Name'])), region),

  ListEventBuses: (input, { state, region }) => {
    const prefix = optionalText(input, 'NamePrefix') ?? '';
    const buses = [...state.buses.values()].filter(({ name }) => name.startsWith(prefix));
    const { page, more } = paginate(buses, input);
    return { EventBuses: page.map((bus) => describe(bus, region)), ...more };
  },

  PutPermission: async (input, { state }) => {
    if (input['Policy'] === undefined) throw notImplemented('PutPermission without Policy');
    const policy = requiredText(input, 'Policy');
    checkResourcePolicy(policy, 'ValidationException');
    await state.setBusPolicy(busNameOf(input['EventBusName']), policy);
    return {};
  },

  RemovePermission: async (input, { state }) => {
    if (input['RemoveAllPermissions'] !== true) throw notImplemented('RemovePermission of one statement');
    await state.setBusPolicy(busNameOf(input['EventBusName']), undefined);
    return {};
  },
};

/** The ARN of a bus of the local account. */
export function busArn(region: string, name: string): string {
  return `arn:aws:events:${region}:${LOCAL_ACCOUNT_ID}:event-bus/${name}`;
}

function describe({ name, description, createdAtMs, policy }: Bus, region: string): object {
  return {
    Name: name,
    Arn: busArn(region, name),
    ...(description === undefined ? {} : { Description: description }),
    ...(policy === undefined ? {} : { Policy: policy }),
    CreationTime: createdAtMs / 1_000,
    LastModifiedTime: createdAtMs / 1_000,
  };
}

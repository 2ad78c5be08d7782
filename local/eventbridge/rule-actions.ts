import { notImplemented } from '../aws-error.ts';
import { LOCAL_ACCOUNT_ID } from '../sqs-store.ts';
import type { Action, ActionContext } from './bus-actions.ts';
import { busNameOf, optionalText, paginate, requiredName, validation, type Input } from './input.ts';
import { parseSchedule } from '../schedule-expression.ts';
import { storedRule, type StoredRule } from './state.ts';

/** Actions on rules. */
export const ruleActions: Readonly<Record<string, Action>> = {
  PutRule: async (input, { state, region }) => {
    const name = requiredName(input, 'Name', 64);
    const busName = busNameOf(input['EventBusName']);
    const scheduleExpression = optionalText(input, 'ScheduleExpression');
    if (scheduleExpression !== undefined) {
      if (busName !== 'default')
        throw validation('ScheduleExpression is supported only on the default event bus.');
      if (parseSchedule(scheduleExpression) === undefined)
        throw validation('Parameter ScheduleExpression is not valid.');
    }
    const eventPattern = optionalText(input, 'EventPattern');
    if (eventPattern === undefined && scheduleExpression === undefined)
      throw validation('Parameter(s) EventPattern or ScheduleExpression must be specified.');
    const description = optionalText(input, 'Description');
    await state.putRule(busName, {
      name,
      ...(eventPattern === undefined ? {} : { eventPattern }),
      ...(scheduleExpression === undefined ? {} : { scheduleExpression }),
      state: ruleState(input['State']),
      ...(description === undefined ? {} : { description }),
      targets: state.bus(busName).rules.get(name)?.targets ?? [],
    });
    return { RuleArn: ruleArn(region, busName, name) };
  },

  DeleteRule: async (input, { state }) => {
    const name = requiredName(input, 'Name', 64);
    const bus = state.bus(busNameOf(input['EventBusName']));
    if ((bus.rules.get(name)?.targets.length ?? 0) > 0)
      throw validation("Rule can't be deleted since it has targets.");
    await state.deleteRule(bus.name, name);
    return {};
  },

  DescribeRule: (input, { state, region }) => {
    const busName = busNameOf(input['EventBusName']);
    return {
      ...describe(state.rule(busName, requiredName(input, 'Name', 64)), busName, region),
      CreatedBy: LOCAL_ACCOUNT_ID,
    };
  },

  ListRules: (input, { state, region }) => {
    const { name: busName, rules } = state.bus(busNameOf(input['EventBusName']));
    const prefix = optionalText(input, 'NamePrefix') ?? '';
    const { page, more } = paginate(
      [...rules.values()].filter(({ name }) => name.startsWith(prefix)),
      input,
    );
    return { Rules: page.map((rule) => describe(rule, busName, region)), ...more };
  },

  EnableRule: async (input, context) => await setState(input, context, 'ENABLED'),

  DisableRule: async (input, context) => await setState(input, context, 'DISABLED'),
};

/** The ARN of a rule of the local account. */
export function ruleArn(region: string, bus: string, name: string): string {
  const path = bus === 'default' ? name : `${bus}/${name}`;
  return `arn:aws:events:${region}:${LOCAL_ACCOUNT_ID}:rule/${path}`;
}

async function setState(
  input: Input,
  { state }: ActionContext,
  wanted: StoredRule['state'],
): Promise<object> {
  const busName = busNameOf(input['EventBusName']);
  const rule = state.rule(busName, requiredName(input, 'Name', 64));
  await state.putRule(busName, { ...storedRule(rule), state: wanted });
  return {};
}

function ruleState(value: unknown): StoredRule['state'] {
  if (value === undefined || value === 'ENABLED') return 'ENABLED';
  if (value === 'DISABLED') return value;
  throw notImplemented('rules on management events');
}

function describe(rule: StoredRule, busName: string, region: string): object {
  return {
    Name: rule.name,
    Arn: ruleArn(region, busName, rule.name),
    ...(rule.eventPattern === undefined ? {} : { EventPattern: rule.eventPattern }),
    ...(rule.scheduleExpression === undefined ? {} : { ScheduleExpression: rule.scheduleExpression }),
    State: rule.state,
    ...(rule.description === undefined ? {} : { Description: rule.description }),
    EventBusName: busName,
  };
}

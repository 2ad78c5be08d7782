import { arnParts } from './arn.ts';
import { readConditions, type Condition } from './condition.ts';
import { MalformedPolicyError } from './malformed-policy.ts';
import { readPrincipal, type PrincipalElement } from './principal.ts';

/** Whose policy it is: a caller's, without principals, or a bucket's, with them. */
export type PolicyKind = 'identity' | 'resource';

/** A statement of a policy, checked. */
export interface Statement {
  readonly sid: string | undefined;
  readonly effect: 'Allow' | 'Deny';
  /** Absent in identity policies. `not`: everybody but these. */
  readonly principal?: PrincipalElement & { readonly not: boolean };
  readonly actions: { readonly not: boolean; readonly patterns: readonly string[] };
  readonly resources: { readonly not: boolean; readonly patterns: readonly string[] };
  readonly conditions: readonly Condition[];
  /** `${…}` is a variable: since version 2012-10-17. */
  readonly variables: boolean;
}

const VERSIONS: ReadonlySet<unknown> = new Set(['2012-10-17', '2008-10-17']);
const FIELDS = /^(?:Sid|Effect|(?:Not)?(?:Principal|Action|Resource)|Condition)$/;

type Json = Readonly<Record<string, unknown>>;

/**
 * Reads and checks a policy document.
 * @param document parsed JSON
 * @throws {MalformedPolicyError} saying what is wrong.
 * @see https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_grammar.html
 */
export function readPolicy(document: unknown, kind: PolicyKind): readonly Statement[] {
  if (!isObject(document)) throw new MalformedPolicyError('Policies must be a JSON object');
  const stray = Object.keys(document).find((name) => !/^(?:Version|Id|Statement)$/.test(name));
  if (stray !== undefined) throw new MalformedPolicyError(`Unknown field ${stray}`);
  const { Version: version = '2008-10-17', Id: id, Statement: given } = document;
  if (!VERSIONS.has(version))
    throw new MalformedPolicyError(
      `The policy must contain a valid version string, got ${JSON.stringify(version)}`,
    );
  if (id !== undefined && typeof id !== 'string') throw new MalformedPolicyError('Id must be a string');
  const list: readonly unknown[] = Array.isArray(given) ? given : [given];
  if (given === undefined || list.length === 0)
    throw new MalformedPolicyError('Missing required field Statement');
  const statements = list.map((item) => readStatement(item, kind, version === '2012-10-17'));
  const sids = statements.map(({ sid }) => sid).filter((sid) => sid !== undefined && sid !== '');
  if (new Set(sids).size < sids.length) throw new MalformedPolicyError('Statement IDs (SID) must be unique');
  return statements;
}

function readStatement(item: unknown, kind: PolicyKind, variables: boolean): Statement {
  if (!isObject(item)) throw new MalformedPolicyError('Statement must be an object');
  const stray = Object.keys(item).find((name) => !FIELDS.test(name));
  if (stray !== undefined) throw new MalformedPolicyError(`Unknown field ${stray}`);
  const { Sid: sid, Effect: effect } = item;
  if (sid !== undefined && typeof sid !== 'string') throw new MalformedPolicyError('Sid must be a string');
  if (effect !== 'Allow' && effect !== 'Deny')
    throw new MalformedPolicyError(`Invalid effect: ${JSON.stringify(effect)}`);
  const principal = readPrincipals(item, kind);
  if (principal?.not === true && effect === 'Allow')
    throw new MalformedPolicyError('Allow with NotPrincipal is not allowed');
  return {
    sid,
    effect,
    ...(principal === undefined ? {} : { principal }),
    actions: readPatterns(item, 'Action', checkAction),
    resources: readPatterns(item, 'Resource', checkResource),
    conditions: readConditions(item['Condition']),
    variables,
  };
}

function readPrincipals(item: Json, kind: PolicyKind): Statement['principal'] {
  const { Principal: principal, NotPrincipal: notPrincipal } = item;
  if (kind === 'identity') {
    if (principal === undefined && notPrincipal === undefined) return undefined;
    throw new MalformedPolicyError('Policy document should not specify a principal.');
  }
  if ((principal === undefined) === (notPrincipal === undefined))
    throw new MalformedPolicyError('Missing required field Principal');
  const not = notPrincipal !== undefined;
  return { ...readPrincipal(not ? notPrincipal : principal), not };
}

function readPatterns(
  item: Json,
  field: 'Action' | 'Resource',
  check: (text: string) => void,
): Statement['actions'] {
  const [plain, negated] = [item[field], item[`Not${field}`]];
  if ((plain === undefined) === (negated === undefined))
    throw new MalformedPolicyError(`Missing required field ${field}`);
  const not = negated !== undefined;
  const value = not ? negated : plain;
  const list: readonly unknown[] = Array.isArray(value) ? value : [value];
  if (list.length === 0) throw new MalformedPolicyError(`${field} must not be empty`);
  const patterns = list.map((text) => {
    if (typeof text !== 'string') throw new MalformedPolicyError(`Policy has invalid ${field.toLowerCase()}`);
    check(text);
    return text;
  });
  return { not, patterns };
}

function checkAction(text: string): void {
  if (text === '*' || /^[a-z0-9-]+:[A-Za-z0-9*?]+$/i.test(text)) return;
  throw new MalformedPolicyError(`Policy has invalid action: ${JSON.stringify(text)}`);
}

function checkResource(text: string): void {
  if (text === '*' || arnParts(text) !== undefined) return;
  throw new MalformedPolicyError(`Policy has invalid resource: ${JSON.stringify(text)}`);
}

function isObject(value: unknown): value is Json {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

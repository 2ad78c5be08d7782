import { BlockList, isIP } from 'node:net';

/**
 * A date of a policy or request, epoch milliseconds; undefined if it is none.
 * Epoch seconds too, as IAM allows.
 * @see https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_condition_operators.html#Conditions_Date
 */
export function readDate(text: string): number | undefined {
  if (/^\d{5,}$/.test(text)) return Number(text) * 1_000;
  if (!/^\d{4}-\d\d-\d\d(?:T\d\d:\d\d(?::\d\d(?:\.\d+)?)?(?:Z|[+-]\d\d:?\d\d))?$/.test(text))
    return undefined;
  const ms = Date.parse(text);
  return Number.isNaN(ms) ? undefined : ms;
}

/** A number; undefined if the text is none. */
export function readNumber(text: string): number | undefined {
  return /^[+-]?(?:\d+(?:\.\d*)?|\.\d+)(?:e[+-]?\d+)?$/i.test(text) ? Number(text) : undefined;
}

/** An address range; undefined if the text is no address and no CIDR block. */
export function readRange(
  text: string,
): { address: string; bits: number; family: 'ipv4' | 'ipv6' } | undefined {
  const [address = '', bitsText] = text.split('/', 2);
  const version = isIP(address);
  if (version === 0 || text.split('/').length > 2) return undefined;
  const most = version === 4 ? 32 : 128;
  const bits = bitsText === undefined ? most : /^\d{1,3}$/.test(bitsText) ? Number(bitsText) : -1;
  if (bits < 0 || bits > most) return undefined;
  return { address, bits, family: version === 4 ? 'ipv4' : 'ipv6' };
}

/** True if the address lies in the range; an IPv4 address that is written as IPv6 counts as IPv4. */
export function inRange(address: string, range: string): boolean {
  const block = readRange(range);
  const plain = address.replace(/^::ffff:(?=\d+\.)/i, '');
  const version = isIP(plain);
  if (block === undefined || version === 0) return false;
  const family = version === 4 ? 'ipv4' : 'ipv6';
  if (family !== block.family) return false;
  const list = new BlockList();
  list.addSubnet(block.address, block.bits, block.family);
  return list.check(plain, family);
}

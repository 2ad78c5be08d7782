/** The user's pattern cannot be compiled. */
export class EventPatternError extends TypeError {
  override readonly name = 'EventPatternError';
}

/** The error of a pattern that cannot be compiled; `path` says where, with dots: `detail.size`. */
export function invalidPattern(path: string, reason: string): EventPatternError {
  const at = path === '' ? '' : ` at ${path.replace(/\.$/, '')}`;
  return new EventPatternError(`Event pattern is not valid. Reason: ${reason}${at}`);
}

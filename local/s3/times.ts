/** Epoch milliseconds as S3 prints times in XML: `2026-11-23T01:02:03.000Z`. */
export function isoMillis(ms: number): string {
  return new Date(ms).toISOString();
}

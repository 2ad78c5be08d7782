/** The one account that owns everything here. */
export const OWNER_ACCOUNT_ID = '000000000000';

/** Its canonical user, as S3 shows owners and initiators. */
export const OWNER = { ID: '0'.repeat(64), DisplayName: 'local' } as const;

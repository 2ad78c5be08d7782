/* Pages of AWS's documentation that the cases cite. */

const API = 'https://docs.aws.amazon.com/AmazonS3/latest/API';
const GUIDE = 'https://docs.aws.amazon.com/AmazonS3/latest/userguide';

/** The reference page of an action. */
export const action = (name: string): string => `${API}/API_${name}.html`;

/** A page of the API reference by file name. */
export const api = (page: string): string => `${API}/${page}.html`;

/** A page of the user guide by file name. */
export const guide = (page: string): string => `${GUIDE}/${page}.html`;

/** The list of error codes and their status. */
export const ERRORS = api('ErrorResponses');

/** How requests are signed. */
export const SIGV4 = api('sig-v4-header-based-auth');

/** How URLs are signed. */
export const PRESIGN = api('sigv4-query-string-auth');

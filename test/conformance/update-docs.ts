import { readFile, writeFile } from 'node:fs/promises';
import { renderPage } from './documentation.ts';

/* Brings the tables of docs/conformance.md up to date: npx tsx test/conformance/update-docs.ts */
const page = new URL('../../docs/conformance.md', import.meta.url);
await writeFile(page, renderPage(await readFile(page, 'utf8')));

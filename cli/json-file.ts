import { readFile } from 'node:fs/promises';
import { parseTemplate, type CloudFormation } from '../local/index.ts';
import { UsageError } from './errors.ts';

/** Reads a file of JSON that an option names. @throws {UsageError} naming option, file, field and what was expected */
export async function readJson<T>(option: string, path: string, parse: (text: string) => T): Promise<T> {
  let text: string;
  try {
    text = await readFile(path, 'utf8');
  } catch (error) {
    const { code = 'unreadable' } = error as NodeJS.ErrnoException;
    throw new UsageError(`${option} ${path}: cannot be read (${code})`, { cause: error });
  }
  try {
    return parse(text);
  } catch (error) {
    if (error instanceof TypeError || error instanceof SyntaxError)
      throw new UsageError(`${option} ${path}: ${error.message}`, { cause: error });
    throw error;
  }
}

/** Reads a synthesized template. @throws {UsageError} */
export async function readTemplate(option: string, path: string): Promise<CloudFormation> {
  return await readJson(option, path, parseTemplate);
}

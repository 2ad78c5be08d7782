import { AwsError } from '../aws-error.ts';
import { LOCAL_ACCOUNT_ID } from '../sqs-store.ts';
import type { Archive } from './archive.ts';
import type { ArchiveFiles } from './archive-files.ts';
import { busArn, type Action, type ActionContext } from './bus-actions.ts';
import {
  busNameOf,
  optionalText,
  paginate,
  requiredName,
  requiredText,
  validation,
  type Input,
} from './input.ts';

const DAY_MS = 86_400_000;

/** What actions on archives work on. */
export interface ArchiveContext extends ActionContext {
  readonly files: ArchiveFiles;
}

/** Actions on archives. */
export function archiveActions(files: ArchiveFiles): Readonly<Record<string, Action>> {
  return {
    CreateArchive: async (input, context) => {
      const { state } = context;
      const name = requiredName(input, 'ArchiveName', 48);
      if (state.archives.has(name))
        throw new AwsError('ResourceAlreadyExistsException', `Archive ${name} already exists.`);
      const { name: bus } = state.bus(busNameOf(requiredText(input, 'EventSourceArn')));
      await state.putArchive({
        name,
        bus,
        retentionDays: 0,
        createdAtMs: context.nowMs(),
        ...changes(input),
      });
      const { createdAtMs } = archiveOf(name, context);
      return {
        ArchiveArn: archiveArn(context.region, name),
        State: 'ENABLED',
        CreationTime: createdAtMs / 1_000,
      };
    },

    UpdateArchive: async (input, context) => {
      const { matches: _matches, ...archive } = archiveOf(requiredName(input, 'ArchiveName', 48), context);
      await context.state.putArchive({ ...archive, ...changes(input) });
      return {
        ArchiveArn: archiveArn(context.region, archive.name),
        State: 'ENABLED',
        CreationTime: archive.createdAtMs / 1_000,
      };
    },

    DeleteArchive: async (input, context) => {
      const { name } = archiveOf(requiredName(input, 'ArchiveName', 48), context);
      await context.state.deleteArchive(name);
      await files.remove(name);
      return {};
    },

    DescribeArchive: async (input, context) => {
      const archive = archiveOf(requiredName(input, 'ArchiveName', 48), context);
      await pruneArchive(archive, files, context.nowMs());
      return {
        ArchiveArn: archiveArn(context.region, archive.name),
        ...(await describe(archive, files, context.region)),
        ...(archive.description === undefined ? {} : { Description: archive.description }),
        ...(archive.eventPattern === undefined ? {} : { EventPattern: archive.eventPattern }),
      };
    },

    ListArchives: async (input, context) => {
      const [prefix, source] = [optionalText(input, 'NamePrefix'), optionalText(input, 'EventSourceArn')];
      const found = [...context.state.archives.values()].filter(
        ({ name, bus }) =>
          name.startsWith(prefix ?? '') && (source === undefined || bus === busNameOf(source)),
      );
      const { page, more } = paginate(found, input);
      const Archives = await Promise.all(page.map((archive) => describe(archive, files, context.region)));
      return { Archives, ...more };
    },
  };
}

/** The ARN of an archive of the local account. */
export function archiveArn(region: string, name: string): string {
  return `arn:aws:events:${region}:${LOCAL_ACCOUNT_ID}:archive/${name}`;
}

/** @throws {AwsError} ResourceNotFoundException */
export function archiveOf(name: string, { state }: ActionContext): Archive {
  const archive = state.archives.get(name);
  if (archive !== undefined) return archive;
  throw new AwsError('ResourceNotFoundException', `Archive ${name} does not exist.`);
}

/** Deletes what the archive need not keep any longer. */
export async function pruneArchive(
  { name, retentionDays }: Archive,
  files: ArchiveFiles,
  nowMs: number,
): Promise<void> {
  if (retentionDays > 0) await files.prune(name, nowMs - retentionDays * DAY_MS);
}

function changes(input: Input): Partial<Archive> {
  const [description, eventPattern] = [
    optionalText(input, 'Description'),
    optionalText(input, 'EventPattern'),
  ];
  const { RetentionDays: days } = input;
  if (
    days !== undefined &&
    days !== null &&
    !(typeof days === 'number' && Number.isInteger(days) && days >= 0)
  )
    throw validation(
      "1 validation error detected: Value at 'retentionDays' failed to satisfy constraint: Member must have value greater than or equal to 0",
    );
  return {
    ...(description === undefined ? {} : { description }),
    ...(eventPattern === undefined ? {} : { eventPattern }),
    ...(typeof days === 'number' ? { retentionDays: days } : {}),
  };
}

async function describe(archive: Archive, files: ArchiveFiles, region: string): Promise<object> {
  const { events, bytes } = await files.measure(archive.name);
  return {
    ArchiveName: archive.name,
    EventSourceArn: busArn(region, archive.bus),
    State: 'ENABLED',
    RetentionDays: archive.retentionDays,
    SizeBytes: bytes,
    EventCount: events,
    CreationTime: archive.createdAtMs / 1_000,
  };
}

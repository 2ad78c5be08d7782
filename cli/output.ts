import { once } from 'node:events';
import type { Writable } from 'node:stream';
import { MultiBar, type SingleBar } from 'cli-progress';
import { redact, redactText } from '../shared/redact.ts';
import { formatBytes } from './values.ts';

/** One file's progress. */
export interface ProgressBar {
  update(bytes: number, note?: string): void;
  done(note?: string): void;
}

/** Where a command speaks: people read stderr, programs read NDJSON on stdout. Both are redacted. */
export interface Output {
  readonly json: boolean;
  /** A line for people. */
  say(line: string): void;
  /** A record for programs; with `--json` only. */
  emit(record: object): void;
  /** A result that people asked for: stdout, also without `--json`. Not redacted: it is what was asked for. */
  result(line: string): void;
  /** @param format writes the total for people. @default formatBytes */
  bar(name: string, total: number, format?: (total: number) => string): ProgressBar;
  /** Waits until everything is written, and takes the bars away. */
  close(): Promise<void>;
}

export interface OutputOptions {
  readonly json: boolean;
  readonly stdout?: Writable;
  readonly stderr?: Writable & { readonly isTTY?: boolean };
}

export function createOutput(options: OutputOptions): Output {
  const { json, stdout = process.stdout, stderr = process.stderr } = options;
  const terminal = stderr.isTTY === true;
  let bars: MultiBar | undefined;
  let open = 0;
  const say = (line: string): void => {
    const text = redactText(line);
    if (bars === undefined) stderr.write(`${text}\n`);
    else bars.log(`${text}\n`);
  };
  const stopBars = (): void => {
    bars?.stop();
    bars = undefined;
  };
  return {
    json,
    say,
    emit: (record) => {
      if (json) stdout.write(`${JSON.stringify(redact(record))}\n`);
    },
    result: (line) => {
      if (!json) stdout.write(`${line}\n`);
    },
    bar: (name, total, format = formatBytes) => {
      if (!terminal) return plainBar(name, total, format(total), say);
      bars ??= new MultiBar({
        stream: stderr,
        format: '  {name} [{bar}] {percentage}% {size} {note}',
        barCompleteChar: '=',
        barIncompleteChar: ' ',
        barsize: 30,
        hideCursor: true,
        clearOnComplete: false,
        linewrap: false,
      });
      open++;
      return terminalBar(bars.create(Math.max(1, total), 0, { name, note: '', size: format(total) }), () => {
        if (--open === 0) stopBars();
      });
    },
    close: async () => {
      stopBars();
      for (const stream of [stdout, stderr]) if (stream.writableNeedDrain) await once(stream, 'drain');
    },
  };
}

function terminalBar(bar: SingleBar, closed: () => void): ProgressBar {
  let live = true;
  return {
    update: (bytes, note) => {
      if (live) bar.update(bytes, note === undefined ? {} : { note: redactText(note) });
    },
    done: (note) => {
      if (!live) return;
      live = false;
      bar.update(bar.getTotal(), { note: redactText(note ?? '') });
      bar.stop();
      closed();
    },
  };
}

/** Without a terminal: a line at every quarter, so that logs stay readable. */
function plainBar(name: string, total: number, size: string, say: (line: string) => void): ProgressBar {
  const of = size === '' ? '' : ` of ${size}`;
  let quarter = 0;
  return {
    update: (done) => {
      const now = total === 0 ? 4 : Math.floor((done / total) * 4);
      if (now <= quarter || now >= 4) return;
      quarter = now;
      say(`  ${name} ${now * 25}%${of}`);
    },
    done: (note) => say(`  ${name} 100%${of}${note === undefined ? '' : ` ${note}`}`),
  };
}

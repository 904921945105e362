import { readdirSync, readFileSync } from 'node:fs';

const DIRECTORY = new URL('../fixtures/providers/', import.meta.url);

/** The wire format of a recording. */
export type Kind = 'chat' | 'anthropic' | 'google' | 'responses';

/** What a provider answered, and what the server has to make of it. One entry of a `*.cases.json`. */
export interface RecordedCase {
  readonly name: string;
  readonly kind: Kind;
  /** The provider that answers like this. */
  readonly family?: string;
  /** Where the shape is documented or reported. */
  readonly source?: string;
  /** The answer; `files` for a conversation of several requests. */
  readonly file?: string;
  readonly files?: readonly string[];
  readonly status?: number;
  /** Default: the headers of an event stream. */
  readonly headers?: Readonly<Record<string, string>>;
  /** `hang`: the connection stays open after the last byte. */
  readonly end?: 'hang';
  /** Number of comments sent before the answer, over a time longer than the timeout of the first token. */
  readonly keepalive?: number;
  /** Whether every request gets this answer; otherwise the second one gets a plain text. */
  readonly repeat?: boolean;
  /** The provider that the session asks next, at the same place. */
  readonly switchTo?: 'anthropic' | 'google';
  /** Rule by which the provider refuses requests. */
  readonly providerRule?: string;
  /** The case is not right yet: its test must fail, so that no such mark outlives its fault. */
  readonly notYet?: true;
  readonly expected: Expected;
}

export interface Expected {
  readonly status?: 'completed' | 'error';
  /** Text, thinking, finish reason and `[input, output]` tokens of the first answer. */
  readonly text?: string;
  readonly thinking?: string;
  readonly finish?: string;
  readonly usage?: readonly [number, number];
  /** The calls that were made, in order. */
  readonly calls?: readonly { readonly name: string; readonly args?: object }[];
  /** Text that the arguments hold as they are stored. */
  readonly rawArgs?: string;
  /** Whether the tool gave a result. */
  readonly toolOk?: true;
  /** Whether no tool may be run. */
  readonly notRun?: true;
  readonly errorIncludes?: string;
  readonly retried?: true;
  readonly notRetried?: true;
  /** Whether each name of a call that is sent back is one that providers take. */
  readonly validNames?: true;
  /** Whether the request after the switch is one that its provider takes. */
  readonly valid?: true;
  /** Texts that the second request and the next query hold. */
  readonly sentBack?: readonly string[];
}

export const recordedCases: readonly RecordedCase[] = readdirSync(DIRECTORY)
  .filter((file) => file.endsWith('.cases.json'))
  .flatMap((file) => Object.entries(JSON.parse(read(file)) as Record<string, Omit<RecordedCase, 'name'>>))
  .map(([name, each]) => ({ ...each, name }));

/** The answers of a case, in the order of the requests. */
export const answersOf = ({ file, files }: RecordedCase): string[] => (files ?? [file ?? '']).map(read);

function read(file: string): string {
  return readFileSync(new URL(file, DIRECTORY), 'utf8');
}

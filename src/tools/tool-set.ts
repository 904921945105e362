import type { LanguageModelV3FunctionTool } from '@ai-sdk/provider';
import { z } from 'zod';

import { InvalidConfig } from '../config/index.js';
import type { ToolInfo } from '../events/index.js';
import { type Arguments, readArguments } from './arguments.js';
import { type AnyTool, ToolError } from './tool.js';
import type { ToolSource } from './tool-source.js';

/** Problems with a call's arguments that the model is told. */
const MAX_ISSUES = 20;

interface Entry {
  readonly tool: AnyTool;
  readonly info: ToolInfo;
  readonly arguments: Arguments['type'];
}

/** The tools of one server by name, with the schemas that models are given and arguments are checked against. */
export class ToolSet {
  private readonly entries = new Map<string, Entry>();
  /** Tools in the form of the model layer: the same list for every request. */
  readonly forModel: readonly LanguageModelV3FunctionTool[];

  /**
   * The tools of all sources; a tool of a later source replaces an earlier one of the same name.
   * @throws InvalidConfig when a tool is invalid
   */
  static async from(sources: readonly ToolSource[]): Promise<ToolSet> {
    const lists = await Promise.all(
      sources.map(async (source) => ({ name: source.name, tools: await source.list() })),
    );
    const read = lists.flatMap(({ name, tools }) => tools.map((tool, i) => readTool(tool, `${name}.${i}`)));
    const problems = read.filter((each) => typeof each === 'string');
    if (problems.length > 0) throw new InvalidConfig(problems);
    return new ToolSet(read.filter((each) => typeof each !== 'string'));
  }

  private constructor(entries: readonly Entry[]) {
    for (const entry of entries) this.entries.set(entry.info.name, entry);
    this.forModel = [...this.entries.values()].map(({ info }) => ({
      type: 'function',
      name: info.name,
      description: info.description,
      inputSchema: info.schema as LanguageModelV3FunctionTool['inputSchema'],
    }));
  }

  get infos(): ToolInfo[] {
    return [...this.entries.values()].map(({ info }) => info);
  }

  has(name: string): boolean {
    return this.entries.has(name);
  }

  /** Info on a tool that the model named, whether the tool exists or not. */
  info(name: string): ToolInfo {
    return this.entries.get(name)?.info ?? { name, description: 'There is no such tool.', schema: {} };
  }

  /**
   * The tool and its checked arguments.
   * @throws ToolError telling the model which tools there are, or what is wrong with the arguments
   */
  resolve(name: string, args: unknown): { tool: AnyTool; args: never } {
    const entry = this.entries.get(name);
    if (!entry) {
      throw new ToolError(
        `There is no tool named "${name}". The tools are: ${[...this.entries.keys()].join(', ')}.`,
      );
    }
    const parsed = z.safeParse(entry.arguments, args);
    if (!parsed.success) {
      const first = new z.ZodError(parsed.error.issues.slice(0, MAX_ISSUES)); // a list may have one for each item
      throw new ToolError(`The arguments of ${name} are wrong. ${z.prettifyError(first)}`);
    }
    return { tool: entry.tool, args: parsed.data as never };
  }
}

/**
 * A user's tool, or the problem that keeps it from being offered to a model.
 * @param place source of the tool, and its number there
 */
function readTool(tool: AnyTool, place: string): Entry | string {
  const { name, description, parameters, execute } = Object(tool) as Record<keyof AnyTool, unknown>;
  if (typeof name !== 'string' || !/^[A-Za-z0-9_-]{1,64}$/.test(name)) {
    return `${place}.name must be 1 to 64 letters, digits, _ or -.`;
  }
  if (typeof description !== 'string') return `${place}.description (${name}) must be a text.`;
  if (typeof execute !== 'function') return `${place}.execute (${name}) must be a function.`;
  try {
    const { schema, type } = readArguments(parameters);
    return { tool, info: { name, description, schema }, arguments: type };
  } catch (error) {
    return `${place}.parameters (${name}) ${(error as Error).message}`;
  }
}

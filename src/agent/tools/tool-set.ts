import type { LanguageModelV3FunctionTool } from '@ai-sdk/provider';
import { z } from 'zod';

import type { ToolInfo } from '../../events/index.js';
import { type AnyTool, ToolError } from './tool.js';

type JSONSchema = Parameters<typeof z.fromJSONSchema>[0];

interface Entry {
  readonly tool: AnyTool;
  readonly info: ToolInfo;
  readonly arguments: z.ZodType;
}

/** The tools of one server, by name, with the schemas that the model is given and the arguments are held to. */
export class ToolSet {
  private readonly entries = new Map<string, Entry>();
  /** As the model layer wants them. */
  readonly forModel: readonly LanguageModelV3FunctionTool[];

  /** A tool that comes later takes the place of an earlier one of the same name. */
  constructor(tools: readonly AnyTool[]) {
    for (const tool of tools) this.entries.set(tool.name, toEntry(tool));
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

  /** What is known of a tool that the model named, whether it exists or not. */
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
    const parsed = entry.arguments.safeParse(args);
    if (!parsed.success) {
      throw new ToolError(`The arguments of ${name} are wrong. ${z.prettifyError(parsed.error)}`);
    }
    return { tool: entry.tool, args: parsed.data as never };
  }
}

function toEntry(tool: AnyTool): Entry {
  const { name, description, parameters } = tool;
  if (parameters instanceof z.ZodType) {
    const schema = z.toJSONSchema(parameters, { io: 'input' });
    return { tool, info: { name, description, schema }, arguments: parameters };
  }
  const schema = { type: 'object', ...parameters };
  return { tool, info: { name, description, schema }, arguments: z.fromJSONSchema(schema as JSONSchema) };
}

import { SetMetadata } from '@nestjs/common';
import type { z } from 'zod';

/** A JSON Schema of an object. */
export type JsonSchema = Readonly<Record<string, unknown>>;

export interface ToolContext {
  readonly sessionId: string;
  /** The directory that the tool may work in. */
  readonly workspace: string;
  /** Aborts when the run ends or the call takes too long. All work that the tool has started must end with it. */
  readonly signal: AbortSignal;
}

/** A part of a result that clients render. */
export interface TextPart {
  readonly type: 'text';
  readonly name?: string;
  readonly text: string;
}

/** A function that the model can call. */
export interface Tool<Args = Record<string, unknown>> {
  /** Name for the model: letters, digits, `_` and `-`. */
  readonly name: string;
  /** Purpose and use of the tool, for the model. */
  readonly description: string;
  /** The arguments: an object of zod 4 or a JSON Schema. What is neither stops the start with InvalidConfig. */
  readonly parameters: z.ZodType<Args> | JsonSchema;
  /**
   * Runs the tool. The result is stored and given to the model: a text, a list of text parts, or JSON. A thrown error
   * becomes the result's `error`, and the model goes on from there.
   */
  execute(args: Args, context: ToolContext): Promise<unknown>;
}

/** A tool whose arguments' type is known only to itself. */
export type AnyTool = Omit<Tool<never>, 'parameters'> & { readonly parameters: z.ZodType | JsonSchema };

/** Types a tool's arguments by its zod schema. */
export function defineTool<Args>(tool: Tool<Args>): Tool<Args> {
  return tool;
}

const TOOL = 'agent-tars:tool';

/** Description of a method as a tool. */
export type ToolDescription<Args = never> = Omit<Tool<Args>, 'name' | 'execute'> & {
  /** Default: the method's name. */
  readonly name?: string;
};

type ToolMethod<Args> = (args: Args, context: ToolContext) => unknown;

/**
 * Makes a method of a Nest provider a tool. The provider's own dependencies are injected as usual.
 *
 * @example
 * class Notes {
 *   @Tool({ description: 'Find notes.', parameters: z.object({ text: z.string() }) })
 *   find({ text }: { text: string }) { … }
 * }
 */
export function Tool<Args>(description: ToolDescription<Args>) {
  return <Method extends ToolMethod<Args>>(
    target: object,
    key: string,
    method: TypedPropertyDescriptor<Method>,
  ): void => {
    SetMetadata(TOOL, description)(target, key, method);
  };
}

/** Description that {@link Tool} gave a method; undefined when the method is no tool. */
export const toolOf = (
  method: unknown,
): (Omit<AnyTool, 'name' | 'execute'> & { name?: string }) | undefined =>
  typeof method === 'function' ? (Reflect.getMetadata(TOOL, method) as never) : undefined;

/** A tool failed. The message is for the model: what was wrong and what to try. */
export class ToolError extends Error {
  override readonly name = 'ToolError';
}

export const textResult = (text: string): TextPart[] => [{ type: 'text', text }];

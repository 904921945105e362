import type { AnyTool } from './tool.js';

/** A source of tools. A tool of a later source replaces an earlier one of the same name. */
export interface ToolSource {
  /** Name in errors about clashing or invalid tools. */
  readonly name: string;
  /** Called once, when the server starts. */
  list(): readonly AnyTool[] | Promise<readonly AnyTool[]>;
}

import type { AnyTool } from './tool.js';

/** Where tools come from. A tool of a later source takes the place of an earlier one of the same name. */
export interface ToolSource {
  /** Shown where two tools clash or one of them makes no sense. */
  readonly name: string;
  /** Asked once, when the server starts. */
  list(): readonly AnyTool[] | Promise<readonly AnyTool[]>;
}

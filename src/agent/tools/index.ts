import { editFileTool, listDirectory, readFileTool, writeFileTool } from './files.js';
import { searchFiles } from './search-files.js';
import type { AnyTool } from './tool.js';

/** The tools that every agent has. All of them stay inside the workspace. */
export const builtInTools: readonly AnyTool[] = [
  listDirectory,
  readFileTool,
  searchFiles,
  writeFileTool,
  editFileTool,
];

export {
  type AnyTool,
  defineTool,
  type JsonSchema,
  type TextPart,
  type Tool,
  type ToolContext,
  ToolError,
} from './tool.js';
export { ToolSet } from './tool-set.js';

import { type FileRules, PathJail } from '../files/path-jail.js';
import { editFileTool, listDirectoryTool, readFileTool, writeFileTool } from './builtin/files.js';
import { searchFilesTool } from './builtin/search-files.js';
import type { AnyTool } from './tool.js';

/** The tools that every agent has. All of them stay inside the workspace. */
export function builtInTools(rules: FileRules): AnyTool[] {
  const jailOf = (workspace: string) => PathJail.of(workspace, rules);
  return [
    listDirectoryTool(jailOf),
    readFileTool(jailOf),
    searchFilesTool(jailOf),
    writeFileTool(jailOf),
    editFileTool(jailOf),
  ];
}

export {
  type AnyTool,
  defineTool,
  type JsonSchema,
  type TextPart,
  type Tool,
  type ToolContext,
  ToolError,
} from './tool.js';
export { boundResult, headOf, type ToolResult } from './result.js';
export { isDeeperThan, MAX_JSON_DEPTH } from './depth.js';
export { ToolSet } from './tool-set.js';

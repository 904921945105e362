import { type FileRules, PathJail } from '../../files/path-jail.js';
import type { AnyTool } from '../tool.js';
import type { ToolSource } from '../tool-source.js';
import { editFileTool, listDirectoryTool, readFileTool, writeFileTool } from './files.js';
import { searchFilesTool } from './search-files.js';

/** The tools that every agent has. All of them stay inside the workspace. */
export class BuiltInTools implements ToolSource {
  readonly name = 'built-in';

  constructor(private readonly rules: FileRules) {}

  list(): AnyTool[] {
    const jailOf = (workspace: string) => PathJail.of(workspace, this.rules);
    return [
      listDirectoryTool(jailOf),
      readFileTool(jailOf),
      searchFilesTool(jailOf),
      writeFileTool(jailOf),
      editFileTool(jailOf),
    ];
  }
}

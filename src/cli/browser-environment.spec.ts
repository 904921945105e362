import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { mkdir, mkdtemp, rm, symlink } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { browserEnvironment } from './browser-environment.js';

let directory: string;

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'agent-tars-environment-'));
  await mkdir(join(directory, 'workspace', 'bin'), { recursive: true });
  await symlink(join(directory, 'workspace'), join(directory, 'link'));
});
afterAll(() => rm(directory, { recursive: true, force: true }));

const at = (...names: string[]) => join(directory, ...names);

describe('the environment of the browser', () => {
  it('holds what finding it takes, on each system, and nothing else', () => {
    const needed = {
      HOME: '/home/me',
      DISPLAY: ':0',
      WAYLAND_DISPLAY: 'wayland-0',
      XDG_RUNTIME_DIR: '/run/user/1000',
      DBUS_SESSION_BUS_ADDRESS: 'unix:path=/run/user/1000/bus',
      XAUTHORITY: '/home/me/.Xauthority',
      LC_ALL: 'C.UTF-8',
      BROWSER: 'firefox',
      SystemRoot: 'C:\\Windows',
      'ProgramFiles(x86)': 'C:\\Program Files (x86)',
    };
    const others = {
      OPENAI_API_KEY: 'x',
      AGENT_TARS_TOKEN: 'x',
      XDG_ACTIVATION_TOKEN: 'x',
      LC_SECRET: 'x',
      DATABASE_URL: 'x',
      SSH_AUTH_SOCK: 'x',
      NODE_OPTIONS: 'x',
      LD_PRELOAD: 'x',
      XDG_UNSET: undefined,
    };
    expect(browserEnvironment({ ...needed, ...others }, at('workspace'))).toEqual(needed);
  });

  it('has no directory in its PATH that lies in the workspace, really or by where it stands', () => {
    const path = ['.', '', 'bin', at('workspace'), at('workspace', 'bin'), at('link', 'bin'), at('link')];
    const kept = [at('workspace-2'), at('bin'), directory];
    const value = [...path, ...kept].join(delimiter);
    expect(browserEnvironment({ PATH: value }, at('workspace'))).toEqual({ PATH: kept.join(delimiter) });
    expect(browserEnvironment({ Path: value }, at('link'))).toEqual({ Path: kept.join(delimiter) });
  });
});

import { realpathSync } from 'node:fs';
import { delimiter, isAbsolute } from 'node:path';
import { isBelow } from '../files/path-jail.js';

/** Variables needed to find and start a browser, by system. */
const NAMES = new Set([
  ...['PATH', 'HOME', 'USER', 'LOGNAME', 'SHELL', 'LANG', 'LANGUAGE', 'TMPDIR', 'BROWSER'],
  // Linux: the display, and the desktop by which xdg-open chooses
  ...['DISPLAY', 'WAYLAND_DISPLAY', 'XAUTHORITY', 'DBUS_SESSION_BUS_ADDRESS', 'SESSION_MANAGER', 'DE'],
  ...['DESKTOP_SESSION', 'GNOME_DESKTOP_SESSION_ID', 'KDE_FULL_SESSION', 'KDE_SESSION_VERSION'],
  ...['MATE_DESKTOP_SESSION_ID', 'GDK_BACKEND', 'QT_QPA_PLATFORM', 'MOZ_ENABLE_WAYLAND'],
  // Linux within Windows, or over SSH
  ...['WSL_DISTRO_NAME', 'WSL_INTEROP', 'WSLENV', 'SSH_CLIENT', 'SSH_CONNECTION', 'SSH_TTY'],
  // macOS
  ...['__CF_USER_TEXT_ENCODING', 'SECURITYSESSIONID'],
  // Windows
  ...['SYSTEMROOT', 'SYSTEMDRIVE', 'WINDIR', 'COMSPEC', 'PATHEXT', 'TEMP', 'TMP', 'USERNAME', 'USERPROFILE'],
  ...['HOMEDRIVE', 'HOMEPATH', 'APPDATA', 'LOCALAPPDATA', 'PROGRAMDATA', 'PROGRAMFILES', 'PROGRAMW6432'],
  ...['PROGRAMFILES(X86)', 'COMMONPROGRAMFILES', 'COMMONPROGRAMFILES(X86)', 'PUBLIC', 'PSMODULEPATH'],
]);
const PREFIXES = /^(XDG|LC)_/;
const SECRET = /KEY|TOKEN|SECRET|PASSWORD/;

/**
 * The environment of a browser: without the server's keys, and without PATH entries in the workspace, where the agent
 * can write.
 * @param workspace an absolute path
 */
export function browserEnvironment(env: NodeJS.ProcessEnv, workspace: string): Record<string, string> {
  const kept: Record<string, string> = {};
  for (const [name, value] of Object.entries(env)) {
    const upper = name.toUpperCase(); // Windows has "Path"
    if (value === undefined || !isNeeded(upper)) continue;
    kept[name] = upper === 'PATH' ? outside(workspace, value) : value;
  }
  return kept;
}

function isNeeded(name: string): boolean {
  return NAMES.has(name) || (PREFIXES.test(name) && !SECRET.test(name));
}

/** A PATH without directories of the workspace, such as the `node_modules/.bin` that npx adds. */
function outside(workspace: string, path: string): string {
  const root = real(workspace);
  const isOutside = (directory: string) => directory !== root && !isBelow(root, directory);
  return path
    .split(delimiter)
    .filter((directory) => isAbsolute(directory) && isOutside(real(directory)))
    .join(delimiter);
}

function real(path: string): string {
  try {
    return realpathSync(path);
  } catch {
    return path; // no such directory: nothing is found in it
  }
}

import { realpathSync } from 'node:fs';
import { delimiter, isAbsolute } from 'node:path';
import { isBelow } from '../files/path-jail.js';

/** What finding and starting a browser takes, by systems. */
const NAMES = new Set([
  ...['PATH', 'HOME', 'USER', 'LOGNAME', 'SHELL', 'LANG', 'LANGUAGE', 'TMPDIR', 'BROWSER'],
  // Linux: the display, and the desktop by which xdg-open chooses
  ...['DISPLAY', 'WAYLAND_DISPLAY', 'XAUTHORITY', 'DBUS_SESSION_BUS_ADDRESS', 'SESSION_MANAGER', 'DE'],
  ...['DESKTOP_SESSION', 'GNOME_DESKTOP_SESSION_ID', 'KDE_FULL_SESSION', 'KDE_SESSION_VERSION'],
  ...['MATE_DESKTOP_SESSION_ID', 'GDK_BACKEND', 'QT_QPA_PLATFORM', 'MOZ_ENABLE_WAYLAND'],
  // Linux below Windows, or at the other end of a line
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
 * The environment that a browser is started with: nothing of the server's keys, and no PATH that leads into the
 * workspace, where the agent can write.
 * @param workspace absolute
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

/** The directories of a PATH that do not lie in the workspace, such as its `node_modules/.bin` that npx puts there. */
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
    return path; // there is no such directory: nothing is found in it
  }
}

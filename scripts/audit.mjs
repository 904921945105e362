// Asks the registry for known weaknesses of what the package brings along. Fails when there are serious ones; says so
// and passes when the registry cannot be asked, as mirrors can't.
import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';

const project = fileURLToPath(new URL('..', import.meta.url));
const FATAL = ['high', 'critical'];

const { stdout, error } = spawnSync('npm', ['audit', '--omit=dev', '--package-lock-only', '--json'], {
  cwd: project,
  encoding: 'utf8',
  maxBuffer: 64 * 1024 * 1024,
});
const report = parse(stdout);

if (report?.auditReportVersion === undefined) {
  const why = report?.message ?? error?.message ?? 'it gave no report';
  console.log(`NOT CHECKED: the registry could not be asked for known weaknesses (${why}).`);
  console.log('Run "npm audit --omit=dev" where it can be.');
} else {
  const found = Object.values(report.vulnerabilities);
  for (const { name, severity, range, via } of found) {
    const titles = via.flatMap((each) => (typeof each === 'string' ? [] : [`${each.title} ${each.url}`]));
    console.log(`${severity}: ${name} ${range} ${titles.join('; ')}`);
  }
  const fatal = found.filter(({ severity }) => FATAL.includes(severity));
  console.log(`${found.length} known weaknesses, ${fatal.length} of them high or critical.`);
  if (fatal.length > 0) process.exitCode = 1;
}

function parse(text) {
  try {
    return JSON.parse(text);
  } catch {
    return undefined; // npm wrote no report at all
  }
}

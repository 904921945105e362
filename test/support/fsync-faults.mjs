// Loaded into a server before all else (NODE_OPTIONS=--import): makes its fdatasync slow, makes it fail while a file
// is there, and notes each in another file: a line with its begin and its end, in milliseconds since the epoch.
import fs from 'node:fs';
import { syncBuiltinESMExports } from 'node:module';

const { FSYNC_MS, FSYNC_FAILS, FSYNC_NOTES } = process.env;
const { fdatasync } = fs;

fs.fdatasync = (fd, callback) => {
  const begun = Date.now();
  const done = (error) => {
    fs.appendFileSync(FSYNC_NOTES, `${begun} ${Date.now()}\n`);
    callback(error);
  };
  const sync = () => {
    if (!fs.existsSync(FSYNC_FAILS)) fdatasync(fd, done);
    else done(Object.assign(new Error('EIO: i/o error, fdatasync'), { code: 'EIO', syscall: 'fdatasync' }));
  };
  setTimeout(sync, Number(FSYNC_MS));
};
syncBuiltinESMExports();

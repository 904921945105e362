// Takes the write lock of the database that is named first, says "held", and lets go when its input ends.
import Database from 'better-sqlite3';

const [file, how] = process.argv.slice(2);
const database = new Database(file, { timeout: 10_000 });
database.exec(`BEGIN ${how}`);
console.log('held');
process.stdin.resume().on('end', () => {
  database.exec('ROLLBACK');
  database.close();
});

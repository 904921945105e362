import open from 'open';

// The program that open-browser.ts starts: `open` hands its own environment on to the browser.
const [, , target = ''] = process.argv;
await open(target);

import open from 'open';

// Child process of open-browser.ts: `open` passes its own environment on to the browser.
const [, , target = ''] = process.argv;
await open(target);

import base from './jest.config.js';

/** What takes its time, and measures time: `npm run test:faults` runs these files one after the other. */
export default {
  ...base,
  testRegex: 'test/faults/.*spec\\.ts$',
  testPathIgnorePatterns: ['/node_modules/'],
};

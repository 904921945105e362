import { serve } from './cli/serve.js';

// The entry of `nest start`: what `agent-tars serve` does, without flags.
await serve({});

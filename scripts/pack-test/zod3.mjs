import { AgentTARSServer, defineTool } from '@agent-tars/server';
import { z } from 'zod3';

const parameters = z.object({ sides: z.number() });
const roll = defineTool({ name: 'roll', description: 'Rolls.', parameters, execute: async () => '1' });
const server = new AgentTARSServer({ server: { port: 0, storage: { type: 'memory' } }, tools: [roll] });
const error = await server.start().catch((reason) => reason);
if (!/tools\.0\.parameters \(roll\) is a schema of zod 3/.test(String(error))) throw error;

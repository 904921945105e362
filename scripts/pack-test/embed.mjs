import { AgentTARSServer } from '@agent-tars/server';

const server = new AgentTARSServer({ server: { port: 0, storage: { type: 'memory' } } });
await server.start();
console.log(server.url);
process.on('SIGTERM', () => void server.stop().then(() => process.exit(0)));

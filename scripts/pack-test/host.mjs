// A Nest application with the module in it, without decorators, so that nothing has to be compiled.
import { AgentTarsModule } from '@agent-tars/server';
import { Controller, Get, Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';

class Hello {
  hello() {
    return { hello: 'host' };
  }
}
Get('hello')(Hello.prototype, 'hello', Object.getOwnPropertyDescriptor(Hello.prototype, 'hello'));
Controller()(Hello);

class Host {}
const agent = AgentTarsModule.register({ config: { server: { storage: { type: 'memory' } } } });
Module({ imports: [agent], controllers: [Hello] })(Host);

const app = await NestFactory.create(Host, { logger: ['error', 'warn'] });
await app.listen(0, '127.0.0.1');
const url = await app.getUrl();
const { hello } = await (await fetch(`${url}/hello`)).json();
if (hello !== 'host') throw new Error('The host does not answer.');
console.log(url);
process.on('SIGTERM', () => void app.close().then(() => process.exit(0)));

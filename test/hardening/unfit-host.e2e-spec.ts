import { afterEach, describe, expect, it } from '@jest/globals';
import {
  type CanActivate,
  Controller,
  type ExecutionContext,
  Get,
  Global,
  type INestApplication,
  type MiddlewareConsumer,
  Module,
  type NestModule,
  Post,
  Query,
} from '@nestjs/common';
import { APP_GUARD, NestFactory, RouterModule } from '@nestjs/core';
import { ExpressAdapter } from '@nestjs/platform-express';
import { WebSocketGateway } from '@nestjs/websockets';
import { IsInt } from 'class-validator';
import type { NextFunction, Request, Response } from 'express';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { AgentTarsModule, DomainError, InvalidConfig, UnfitHost } from '../../src/index.js';
import { requireFoundation } from '../../src/hosting/unfit-host.js';
import { Client } from '../support/client.js';
import { HostApp, type HostOptions } from '../support/host-app.js';

let host: HostApp | undefined;

afterEach(async () => {
  await host?.stop();
  host = undefined;
});

async function start(options: HostOptions): Promise<Client> {
  host = await HostApp.start(options);
  return new Client(host.url);
}

@Controller('things')
class ThingsController {
  @Get()
  list() {
    return { things: [] };
  }
}

@Controller()
class RootController {
  @Get()
  root() {
    return { root: 'of the host' };
  }
}

@Controller('auth')
class OwnLogin {
  @Post('login')
  login() {
    return {};
  }
}

describe('a host that the module cannot guard its doors in does not start, and says what to do:', () => {
  const refused = async (options: HostOptions, ...says: readonly string[]) => {
    const failed = start(options);
    await expect(failed).rejects.toThrow(UnfitHost);
    for (const part of says) await expect(failed).rejects.toThrow(part);
  };

  it('it has routes below the base path', () =>
    refused(
      { host: { controllers: [ThingsController] }, beforeListen: (app) => void app.setGlobalPrefix('api') },
      'This application answers /api/things itself',
      'another server.basePath',
    ));

  it('it has routes below the base path in another spelling', () =>
    refused(
      { beforeListen: (app) => void app.setGlobalPrefix('API'), host: { controllers: [ThingsController] } },
      '/API/things',
    ));

  it('it has middleware below the base path', () =>
    refused(
      {
        beforeListen: (app) =>
          void app.use('/api', (_req: Request, _res: Response, next: NextFunction) => next()),
      },
      'has middleware at /api',
    ));

  it('it has a login of its own where a browser logs in with a token', () =>
    refused(
      { host: { controllers: [OwnLogin] }, config: { server: { auth: { token: 'a-token-of-one-s-own' } } } },
      'answers /auth/login itself',
      'Move what is there.',
    ));

  it('it has a gateway where the sockets of the module are', async () => {
    @WebSocketGateway({ namespace: 'chat' })
    class ChatGateway {}
    await refused(
      { host: { providers: [ChatGateway] } },
      'ChatGateway listens for sockets',
      'path of its own',
    );
  });

  it('it gives the module a gateway, which it would connect itself', async () => {
    @WebSocketGateway({ path: '/elsewhere' })
    class ExtensionGateway {}
    @Module({ providers: [ExtensionGateway] })
    class ExtensionModule {}
    await refused({ register: { imports: [ExtensionModule] } }, 'ExtensionGateway', 'cannot be guarded');
  });

  it('it has two of them', () =>
    refused(
      {
        host: {
          imports: [AgentTarsModule.register({ config: { server: { storage: { type: 'memory' } } } })],
        },
      },
      'imports two AgentTarsModule.register',
    ));

  it('it has another HTTP platform', async () => {
    class OtherAdapter extends ExpressAdapter {
      override getType(): string {
        return 'other';
      }
    }
    @Module({ imports: [AgentTarsModule.register({ config: { server: { storage: { type: 'memory' } } } })] })
    class OtherHost {}
    const app = await NestFactory.create(OtherHost, new OtherAdapter(), {
      logger: false,
      abortOnError: false,
    });
    await expect(app.listen(0)).rejects.toThrow(
      'AgentTarsModule needs the HTTP platform "express", and this application has "other".',
    );
    await app.close();
  });

  it('it runs on another Nest, or on another copy of it', () => {
    const check = (foundation: object) => () => {
      requireFoundation({ sharesCore: true, platform: 'express', ...foundation });
    };
    expect(check({})).not.toThrow();
    for (const core of ['11.2.0', '12.0.0']) expect(check({ core })).not.toThrow();
    for (const core of ['10.4.9', '13.0.0', '1.2.0', '120.0.0']) {
      expect(check({ core })).toThrow(`AgentTarsModule needs Nest 11 or 12, and @nestjs/core is ${core}.`);
    }
    expect(check({ sharesCore: false, core: '12.5.1' })).toThrow('another copy of @nestjs/core');
    expect(check({ platform: undefined })).toThrow('this application has "none"');
  });

  it('its configuration has a web UI that answers every path, or a mistake', async () => {
    const ui = await mkdtemp(join(tmpdir(), 'agent-tars-ui-'));
    await writeFile(join(ui, 'index.html'), '<html></html>');
    expect(() => AgentTarsModule.register({ config: { webui: { staticPath: ui } } })).toThrow(
      'webui.staticPath',
    );
    expect(() => AgentTarsModule.register({ config: { server: { host: '0.0.0.0' } } })).toThrow(
      InvalidConfig,
    );
    await rm(ui, { recursive: true });
  });
});

describe('a host that has what the module has', () => {
  it('keeps its own root', async () => {
    const client = await start({ host: { controllers: [RootController] } });
    expect((await client.get('/')).body).toEqual({ root: 'of the host' });
    expect((await client.get('/api/sessions')).status).toBe(200);
  });

  it('keeps its own root that answers every path, also one that is added while it starts', async () => {
    @Module({})
    class Spa {
      static adapter: INestApplication | undefined;
      onModuleInit(): void {
        Spa.adapter
          ?.getHttpAdapter()
          .get('/{*any}', (_req: Request, res: Response) => void res.send('the SPA'));
      }
    }
    const client = await start({ host: { imports: [Spa] }, beforeListen: (app) => (Spa.adapter = app) });
    expect((await client.get('/')).body).toBe('the SPA');
    expect((await client.get('/any/path')).body).toBe('the SPA');
    expect((await client.get('/api/nothing')).body.code).toBe('ROUTE_NOT_FOUND');
  });

  it('may have it below another base path', async () => {
    const client = await start({
      host: { controllers: [ThingsController] },
      config: { server: { basePath: '/agent' } },
      beforeListen: (app) => void app.setGlobalPrefix('api'),
    });
    expect((await client.get('/api/things')).body).toEqual({ things: [] });
    expect((await client.get('/agent/sessions')).body).toEqual({ sessions: [] });
    expect((await client.get('/api/sessions')).status).toBe(404);
  });

  it('has no page where it wants none', async () => {
    const client = await start({ config: { webui: { enabled: false } } });
    expect((await client.get('/')).status).toBe(404);
  });
});

describe('a guard of the host', () => {
  const guard: CanActivate = {
    canActivate: (context: ExecutionContext) => {
      const http = context.getType() === 'http' && context.switchToHttp().getRequest<Request>();
      return http !== false && http.headers['x-known'] === 'yes';
    },
  };

  it.each<[string, HostOptions]>([
    ['a provider', { host: { providers: [{ provide: APP_GUARD, useValue: guard }] } }],
    ['a call', { beforeListen: (app) => void app.useGlobalGuards(guard) }],
  ])(
    'that is global, by %s, stands before the routes and sockets of the module too',
    async (_how, options) => {
      const client = await start(options);
      expect(await client.get('/api/sessions')).toMatchObject({ status: 403, body: { code: 'FORBIDDEN' } });
      const known = await client.send('GET', '/api/sessions', undefined, { 'x-known': 'yes' });
      expect(known.status).toBe(200);
      const socket = await client.socket();
      const refusal = new Promise((resolve) => socket.once('exception', resolve));
      socket.emit('join-session', 'x');
      expect(await refusal).toMatchObject({ message: 'Forbidden resource' });
      client.close();
    },
  );
});

describe('a module that is given to AgentTarsModule', () => {
  class SizeDto {
    @IsInt()
    readonly size: number;
  }

  @Controller('reports')
  class ReportsController {
    @Get()
    read() {
      return { read: true };
    }

    @Get('forbidden')
    forbidden(): never {
      throw new DomainError('FORBIDDEN', 'Not this one.');
    }

    @Get('sized')
    sized(@Query() { size }: SizeDto) {
      return { size };
    }

    @Post()
    change() {
      return { changed: true };
    }
  }

  @Controller('shared')
  class SharedController {
    @Get()
    read() {
      return { shared: true };
    }
  }

  @Module({ controllers: [SharedController] })
  class SharedModule {}

  @Controller('deep')
  class DeepController {
    @Get()
    read() {
      return { deep: true };
    }
  }

  @Global()
  @Module({ controllers: [DeepController] })
  class DeepModule {}

  @Module({ imports: [SharedModule, DeepModule], controllers: [ReportsController] })
  class ReportsModule implements NestModule {
    configure(consumer: MiddlewareConsumer): void {
      consumer
        .apply((_req: Request, res: Response, next: NextFunction) => {
          res.setHeader('x-reported', 'yes');
          next();
        })
        .forRoutes(ReportsController);
    }
  }

  const TOKEN = 'a-token-of-one-s-own';
  const options: HostOptions = {
    register: { imports: [ReportsModule, RouterModule.register([{ path: 'routed', module: DeepModule }])] },
    host: { imports: [SharedModule] },
    config: { server: { auth: { token: TOKEN } } },
  };
  const headers = { authorization: `Bearer ${TOKEN}` };

  it('stands behind the door, with all that only it imports, and nowhere else', async () => {
    const client = await start(options);
    for (const path of ['/api/reports', '/api/v1/reports', '/api/routed/deep']) {
      expect([path, (await client.get(path)).status]).toEqual([path, 401]);
      expect([path, (await client.send('GET', path, undefined, headers)).status]).toEqual([path, 200]);
    }
    for (const path of ['/reports', '/deep', '/routed/deep']) {
      expect([path, (await client.send('GET', path, undefined, headers)).status]).toEqual([path, 404]);
    }
  });

  it('has its requests checked and its errors answered as those of the module', async () => {
    const client = new Client((await start(options)).url, headers);
    expect(await client.get('/api/reports/forbidden')).toMatchObject({
      status: 403,
      body: { error: 'Not this one.', code: 'FORBIDDEN' },
    });
    expect(await client.get('/api/reports/sized?size=no')).toMatchObject({
      status: 400,
      body: { code: 'INVALID_INPUT' },
    });
  });

  it('has its middleware before its routes', async () => {
    const client = new Client((await start(options)).url, headers);
    expect((await client.get('/api/reports')).headers.get('x-reported')).toBe('yes');
    expect((await client.get('/api/sessions')).headers.get('x-reported')).toBeNull();
  });

  it('leaves to the host what the host imports as well', async () => {
    const client = await start(options);
    expect((await client.get('/shared')).body).toEqual({ shared: true });
    expect((await client.send('GET', '/api/shared', undefined, headers)).status).toBe(404);
  });
});

import { Body, Controller, Get, HttpCode, Post, Res } from '@nestjs/common';
import type { Response as ExpressResponse } from 'express';
import { Fails } from '../http/fails.js';
import { Answers } from '../http/answers.js';
import { withoutCredentials } from '../common/secret.js';
import { ShareDto } from './dto/share.dto.js';
import { ShareService } from './share.service.js';

/** Sessions as pages to be shared. */
@Controller()
export class ShareController {
  constructor(
    private readonly shares: ShareService,
    private readonly answers: Answers,
  ) {}

  /** Whether shared pages can be uploaded, and where to. */
  @Get('share/config')
  config(): { hasShareProvider: boolean; shareProvider: string | null } {
    const { provider } = this.shares;
    return { hasShareProvider: provider !== null, shareProvider: provider && withoutCredentials(provider) };
  }

  /** Makes a session into one self-contained page: sends it back, or uploads it and gives its address. */
  @Post('sessions/share')
  @Fails('SESSION_NOT_FOUND', 'SHARE_FAILED', 'DATABASE_UNAVAILABLE')
  @HttpCode(200)
  async share(@Body() { sessionId, upload }: ShareDto, @Res() res: ExpressResponse): Promise<void> {
    await this.answers.send(res, this.shares.share(sessionId, upload ?? false));
  }
}

import { Body, Controller, Get, HttpCode, Post } from '@nestjs/common';
import { withoutCredentials } from '../common/secret.js';
import { ShareDto } from './dto/share.dto.js';
import { type ShareResult, ShareService } from './share.service.js';

@Controller()
export class ShareController {
  constructor(private readonly shares: ShareService) {}

  /** Whether shared pages can be uploaded, and where to. */
  @Get('share/config')
  config(): { hasShareProvider: boolean; shareProvider: string | null } {
    const { provider } = this.shares;
    return { hasShareProvider: provider !== null, shareProvider: provider && withoutCredentials(provider) };
  }

  /** Makes a session into one self-contained page: sends it back, or uploads it and gives its address. */
  @Post('sessions/share')
  @HttpCode(200)
  share(@Body() { sessionId, upload }: ShareDto): Promise<ShareResult> {
    return this.shares.share(sessionId, upload ?? false);
  }
}

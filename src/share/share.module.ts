import { Module } from '@nestjs/common';
import { SessionsModule } from '../sessions/index.js';
import { ShareController } from './share.controller.js';
import { ShareService } from './share.service.js';

@Module({ imports: [SessionsModule], controllers: [ShareController], providers: [ShareService] })
export class ShareModule {}

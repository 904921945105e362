import { Module } from '@nestjs/common';
import { SessionsModule } from '../sessions/index.js';
import { WebUiController } from './web-ui.controller.js';

@Module({ imports: [SessionsModule], controllers: [WebUiController] })
export class WebUiModule {}

import { Injectable } from '@nestjs/common';
import { DomainError } from '../common/errors.js';
import { PathJail } from '../files/path-jail.js';
import { AppConfig } from '../config/index.js';
import type { EventDraft, QueryContent } from '../events/index.js';
import type { RunPreparation } from '../runs/index.js';
import { ReferenceReader, note } from './reference-reader.js';
import { mayRefer, type Reference, referencesIn, textsOf } from './references.js';

/** Expands the `@file:` and `@dir:` references of queries. */
@Injectable()
export class ReferencesService implements RunPreparation {
  constructor(private readonly config: AppConfig) {}

  /**
   * The content of a query's references, as one event for its run; undefined if there are none. The event says which
   * references could not be read.
   * @throws the signal's reason, once it has aborted
   */
  async contextOf(
    workspace: string,
    content: QueryContent,
    signal: AbortSignal,
  ): Promise<Extract<EventDraft, { type: 'environment_input' }> | undefined> {
    const texts = textsOf(content).filter(mayRefer);
    if (texts.length === 0) return undefined;
    const references = referencesIn(texts);
    const count = references.length;
    if (count === 0) return undefined;
    return {
      type: 'environment_input',
      content: await this.contentOf(workspace, references, signal),
      description: `Expanded context from ${count} ${count === 1 ? 'reference' : 'references'}`,
      metadata: { type: 'codebase' },
    };
  }

  private async contentOf(
    workspace: string,
    references: readonly Reference[],
    signal: AbortSignal,
  ): Promise<string> {
    try {
      const jail = await PathJail.of(workspace, this.config.files);
      return await new ReferenceReader(jail, signal).expand(references);
    } catch (error) {
      if (error instanceof DomainError) return note(`Nothing was read. ${error.message}`);
      throw error;
    }
  }
}

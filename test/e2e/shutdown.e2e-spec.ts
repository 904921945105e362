import { afterEach, describe, expect, it } from '@jest/globals';
import { DomainError, QueryService } from '../../src/index.js';
import { inside } from '../support/inside.js';
import { TestServer } from '../support/test-server.js';

describe('a query in the turn in which the server begins to stop', () => {
  let app: TestServer;

  afterEach(() => app.stop());

  it.each([
    ['before', 0],
    ['after', 1],
  ])('is refused, or answered and ended like any other (%s it)', async (_, order) => {
    app = await TestServer.start();
    const sessionIds = [await app.createSession(), await app.createSession(), await app.createSession()];
    const queries = inside(app, QueryService);
    const begin = () =>
      sessionIds.map((sessionId) =>
        queries.start({ sessionId, query: 'hello' }).then(
          ({ done }) => done,
          (error: unknown) => error as DomainError,
        ),
      );
    const asked = order === 0 ? begin() : [];
    const stopping = app.server.stop();
    if (order === 1) asked.push(...begin());
    const answers = await Promise.all(asked);
    await stopping;
    for (const answer of answers) {
      if (answer instanceof DomainError) expect(answer.code).toBe('DRAINING');
      else expect(['completed', 'interrupted']).toContain(answer.status);
    }

    app = await app.restart();
    for (const [i, sessionId] of sessionIds.entries()) {
      const { body } = await app.get(`/api/runs?sessionId=${sessionId}`);
      const ends = (await app.events(sessionId)).filter(({ type }) => type === 'agent_run_end');
      const wasTaken = !(answers[i] instanceof DomainError);
      expect(ends).toHaveLength(wasTaken ? 1 : 0);
      expect(body.runs.map(({ status }: { status: string }) => status)).toEqual(
        wasTaken ? [expect.stringMatching(/^(completed|interrupted)$/)] : [],
      );
      expect((await app.status(sessionId)).isProcessing).toBe(false);
      expect((await app.query(sessionId)).status).toBe(200);
    }
  });
});

import { afterEach, describe, expect, it } from '@jest/globals';
import { AttackSetup } from '../support/attack-setup.js';

/** What a provider that is hostile or broken may send. */
describe('a hostile provider', () => {
  let attack: AttackSetup;

  afterEach(() => attack.stop());

  it('is measured: an idle server and one plain query keep the event loop free', async () => {
    attack = await AttackSetup.start();
    const id = await attack.server.createSession();
    expect((await attack.server.query(id)).status).toBe(200);
    await attack.requireUnharmed();
  });
});

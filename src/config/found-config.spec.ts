import { describe, expect, it } from '@jest/globals';
import { requireKeyVariables } from './found-config.js';
import { type ConfigInput, InvalidConfig } from './index.js';

const check = (config: unknown) => () => requireKeyVariables(config as ConfigInput, '/repo/c.yaml');
const says = (key: string, name: string) =>
  `${key} in /repo/c.yaml names the environment variable ${name}, but a file that is found in the working directory may name only one that ends in _API_KEY: rename the variable, or name the file with --config.`;

describe('the keys of a configuration that was found', () => {
  it.each([
    ...[
      'OPENAI_API_KEY',
      'ANTHROPIC_API_KEY',
      'GEMINI_API_KEY',
      'GOOGLE_GENERATIVE_AI_API_KEY',
      'MY_API_KEY',
    ],
    ...['sk-literal', 'lower_case_name', '', undefined, 7, ['AWS_SECRET_ACCESS_KEY']],
  ])('may be %j', (apiKey) => {
    expect(check({ model: { apiKey }, server: { models: [{ apiKey }] } })).not.toThrow();
  });

  it.each(['AWS_SECRET_ACCESS_KEY', 'GITHUB_TOKEN', 'PATH', 'API_KEY_ID', 'OPENAI_API_KEY_OLD'])(
    'may not be the variable %s',
    (apiKey) => {
      const lines = [says('model.apiKey', apiKey), says('server.models.1.apiKey', apiKey)];
      expect(check({ model: { apiKey }, server: { models: [{}, { apiKey }] } })).toThrow(
        new InvalidConfig(lines),
      );
    },
  );

  it('are not printed where they look like a key', () => {
    expect(check({ model: { apiKey: 'ABCDEFGH12345678' } })).toThrow(says('model.apiKey', '***'));
  });

  it.each([
    {},
    { model: null },
    { model: 'AWS_X' },
    { server: null },
    { server: 'x' },
    { server: { models: {} } },
    { server: { models: [null, 'A'] } },
  ])('leave what is no configuration to the schema: %j', (config) => expect(check(config)).not.toThrow());

  it('leave the token that is asked for alone: it is sent to nobody', () => {
    expect(check({ server: { auth: { token: 'MY_SECRET' } } })).not.toThrow();
  });
});

import { describe, expect, it } from '@jest/globals';
import { modelHost } from './model-host.js';
import { resolveConfig } from './index.js';
import type { ModelInput } from './index.js';

const hostOf = (model: ModelInput, env: Record<string, string> = {}) =>
  modelHost(resolveConfig({ model }, { cwd: '/', env }).models[0], env);

describe("the model's host", () => {
  it.each<[ModelInput, string | undefined]>([
    [{ provider: 'embedded' }, undefined],
    [{ provider: 'embedded', baseURL: 'http://a.example' }, undefined],
    [{ provider: 'openai' }, 'api.openai.com'],
    [{ provider: 'anthropic' }, 'api.anthropic.com'],
    [{ provider: 'google' }, 'generativelanguage.googleapis.com'],
    [{ provider: 'ollama', id: 'm' }, '127.0.0.1:11434'],
    [{ provider: 'openai', baseURL: 'https://proxy.example/v1' }, 'proxy.example'],
    [{ baseURL: 'http://[::1]:8000/v1', id: 'm' }, '[::1]:8000'],
    [{ baseURL: 'https://аpi.openai.com/v1', id: 'm' }, 'xn--pi-6kc.openai.com'],
  ])('of %j is %j', (model, host) => expect(hostOf(model)).toBe(host));

  it("is the one that the provider's variable names, where the model names none", () => {
    const env = { OPENAI_BASE_URL: 'https://gateway.example/v1' };
    expect(hostOf({ provider: 'openai' }, env)).toBe('gateway.example');
    expect(hostOf({ provider: 'openai', baseURL: 'https://own.example' }, env)).toBe('own.example');
    expect(hostOf({ provider: 'anthropic' }, env)).toBe('api.anthropic.com');
  });
});

import { describe, expect, it } from '@jest/globals';
import { IsOptional, IsString } from 'class-validator';
import { validationPipe } from './validation.js';

class Named {
  @IsString()
  name: string;
}

class MaybeNamed {
  @IsOptional()
  @IsString()
  name?: string;

  readonly kind = 'maybe';
}

const pipe = validationPipe();
const take = (metatype: new () => unknown, value: unknown) =>
  pipe.transform(value, { type: 'body', metatype }) as Promise<unknown>;

describe('what has no field at all', () => {
  it('is refused each time where a field is missing', async () => {
    for (let i = 0; i < 3; i++) await expect(take(Named, {})).rejects.toThrow('name is missing');
  });

  it('becomes an object of its own each time where none has to be there', async () => {
    const first = await take(MaybeNamed, {});
    const second = await take(MaybeNamed, {});
    expect(first).toBeInstanceOf(MaybeNamed);
    expect(second).toEqual({ kind: 'maybe' });
    expect(second).toBeInstanceOf(MaybeNamed);
    expect(second).not.toBe(first);
  });

  it('says nothing of what has one', async () => {
    await take(MaybeNamed, {});
    await expect(take(MaybeNamed, { name: 1 })).rejects.toThrow('name must be a string');
    await expect(take(MaybeNamed, [])).rejects.toThrow();
  });
});

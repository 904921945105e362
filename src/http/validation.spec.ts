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
}

class WithDefault {
  @IsOptional()
  @IsString()
  name?: string;

  kind = 'not for clients';
}

const pipe = validationPipe();
const take = (metatype: new () => unknown, value: unknown) =>
  pipe.transform(value, { type: 'body', metatype }) as Promise<unknown>;

describe('what has no field at all', () => {
  it('is refused where a field is missing', async () => {
    await expect(take(Named, {})).rejects.toThrow('name is missing');
  });

  it('becomes an object of its class where none has to be there', async () => {
    expect(await take(MaybeNamed, {})).toBeInstanceOf(MaybeNamed);
  });

  it.each([MaybeNamed, WithDefault])('becomes the same each time: %p', async (metatype) => {
    const first = await take(metatype, {});
    expect(await take(metatype, {})).toEqual(first);
    expect(await take(metatype, {})).not.toBe(first);
  });

  it('is no list, and no field of another type', async () => {
    await expect(take(MaybeNamed, { name: 1 })).rejects.toThrow('name must be a string');
    await expect(take(MaybeNamed, [])).rejects.toThrow();
  });
});

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

  it('is no list, and no field of another type', async () => {
    await expect(take(MaybeNamed, { name: 1 })).rejects.toThrow('name must be a string');
    await expect(take(MaybeNamed, [])).rejects.toThrow();
  });
});

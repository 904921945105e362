import type { Type } from '@nestjs/common';
import type { ApiPropertyOptions } from '@nestjs/swagger';
import { plainToInstance } from 'class-transformer';
import { getMetadataStorage } from 'class-validator';
import type { ApiTypes, Schema } from './api-types.js';

type Rules = ReturnType<ReturnType<typeof getMetadataStorage>['getTargetValidationMetadatas']>;

/** What a validator says in JSON Schema, by its name and first constraint. Others say nothing. */
const KEYWORDS: Readonly<Record<string, (constraint: unknown) => Schema>> = {
  isString: () => ({ type: 'string' }),
  isBoolean: () => ({ type: 'boolean' }),
  isNumber: () => ({ type: 'number' }),
  isInt: () => ({ type: 'integer' }),
  isObject: () => ({ type: 'object' }),
  isArray: () => ({ type: 'array' }),
  isIn: (values) => ({ enum: values }),
  isNotEmpty: () => ({ minLength: 1 }),
  minLength: (minLength) => ({ minLength }),
  maxLength: (maxLength) => ({ maxLength }),
  min: (minimum) => ({ minimum }),
  max: (maximum) => ({ maximum }),
  arrayNotEmpty: () => ({ minItems: 1 }),
  arrayMaxSize: (maxItems) => ({ maxItems }),
  isQueryContent: () => ({ oneOf: [{ type: 'string' }, { type: 'array', items: { type: 'object' } }] }),
};

/**
 * Tells Swagger's model of a class what its validators check, and so for the classes of its properties. Swagger
 * is not loaded before somebody asks for the documentation: the classes can't carry its decorators.
 */
export class InputSchemas {
  // What is told of a class is shared by all servers of the process; to tell it again does no harm.
  private readonly done = new Set<Type>();

  constructor(
    private readonly ApiProperty: (options: ApiPropertyOptions) => PropertyDecorator,
    private readonly types: ApiTypes,
  ) {}

  describe(input: Type): void {
    if (this.done.has(input)) return;
    this.done.add(input);
    const storage = getMetadataStorage();
    const rules = storage.getTargetValidationMetadatas(input, '', false, false);
    for (const [property, own] of Object.entries(storage.groupByPropertyName(rules))) {
      this.ApiProperty(this.optionsOf(input, property, own))(input.prototype as object, property);
    }
  }

  private optionsOf(input: Type, property: string, rules: Rules): ApiPropertyOptions {
    const declared = this.types.inputs[input.name]?.properties?.[property] ?? {};
    const nested = rules.some(({ type }) => type === 'nestedValidation') && this.nested(input, property);
    const schema = nested || merged(declared, schemaOf(rules));
    const required = !rules.some(({ type }) => type === 'conditionalValidation');
    return {
      ...(declared['description'] !== undefined && { description: declared['description'] }),
      ...schema,
      // `required` is a list within the schema of an object: then Swagger has another name for it.
      ...('required' in schema ? { selfRequired: required } : { required }),
    } as ApiPropertyOptions;
  }

  private nested(input: Type, property: string): { type: Type | [Type] } {
    const isArray = Reflect.getMetadata('design:type', input.prototype as object, property) === Array;
    // @Type is known to class-transformer alone; what it makes of an empty object tells.
    const made = plainToInstance(input, { [property]: [{}] }) as Record<string, [object]>;
    const type = made[property]?.[0].constructor as Type;
    this.describe(type);
    return { type: isArray ? [type] : type };
  }
}

function schemaOf(rules: Rules): Schema {
  const items = keywordsOf(rules.filter(({ each }) => each));
  const isList = Object.keys(items).length > 0;
  return { ...(isList && { type: 'array', items }), ...keywordsOf(rules.filter(({ each }) => !each)) };
}

function keywordsOf(rules: Rules): Schema {
  return Object.assign(
    {},
    ...rules.map(({ name, constraints }) => KEYWORDS[name ?? '']?.(constraints?.[0])),
  ) as Schema;
}

/** The TypeScript type says the shape, where the build has left it; the validators say it more exactly. */
function merged({ $ref, ...declared }: Schema, schema: Schema): Schema {
  const items = { ...(declared['items'] as Schema | undefined), ...(schema['items'] as Schema | undefined) };
  return {
    ...($ref === undefined ? declared : { allOf: [{ $ref }] }),
    ...schema,
    ...(schema['type'] === 'array' && { items }),
  };
}

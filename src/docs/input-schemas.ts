import type { Type } from '@nestjs/common';
import type { ApiPropertyOptions } from '@nestjs/swagger';
import { plainToInstance } from 'class-transformer';
import { getMetadataStorage } from 'class-validator';
import type { ApiTypes, Schema } from './api-types.js';

type Rules = ReturnType<ReturnType<typeof getMetadataStorage>['getTargetValidationMetadatas']>;

/** JSON Schema keywords of a validator, by its name and first constraint. Other validators add none. */
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
 * Adds the checks of a class' validators to Swagger's model of the class, and of its nested classes. Decorators of
 * Swagger on the classes would load Swagger before the documentation is requested.
 */
export class InputSchemas {
  // Swagger's model is shared by all servers of the process; describing a class twice does no harm.
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
      // In an object's schema `required` is a list: there, Swagger calls the flag `selfRequired`.
      ...('required' in schema ? { selfRequired: required } : { required }),
    } as ApiPropertyOptions;
  }

  private nested(input: Type, property: string): { type: Type | [Type] } {
    const isArray = Reflect.getMetadata('design:type', input.prototype as object, property) === Array;
    // Only class-transformer knows @Type: the class of a transformed empty object shows it.
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

/** Merges the schema of the TypeScript type, if built, with the more exact one of the validators. */
function merged({ $ref, ...declared }: Schema, schema: Schema): Schema {
  const items = { ...(declared['items'] as Schema | undefined), ...(schema['items'] as Schema | undefined) };
  return {
    ...($ref === undefined ? declared : { allOf: [{ $ref }] }),
    ...schema,
    ...(schema['type'] === 'array' && { items }),
  };
}

import { applyDecorators, type ArgumentMetadata, ValidationPipe } from '@nestjs/common';
import type { ClassConstructor } from 'class-transformer';
import { IsNotEmpty, IsString, MaxLength, ValidateIf, type ValidationError } from 'class-validator';
import { InvalidInput } from '../common/errors.js';

/** The id of a session, as it came from this server. */
export function IsSessionId(): PropertyDecorator {
  return applyDecorators(IsString(), IsNotEmpty(), MaxLength(100));
}

/** A field that may be left out; unlike with `IsOptional`, null is a wrong type. */
export function IsLeftOutOr(): PropertyDecorator {
  return ValidateIf((_object, value) => value !== undefined);
}

/** The id of a run, as it came from this server. */
export function IsRunId(): PropertyDecorator {
  return applyDecorators(IsString(), IsNotEmpty(), MaxLength(100));
}

/** A path of a workspace: `PathJail` takes no longer one. */
export function IsPath(): PropertyDecorator {
  return applyDecorators(IsString(), MaxLength(4_096));
}

/** How deep objects and lists may stand in each other. Nothing that is sent here comes near. */
const MAX_DEPTH = 100;
/** How many items a list may have. Each field that is a list has a limit of its own, far below. */
const MAX_ITEMS = 10_000;

/**
 * Refuses what class-transformer cannot take: it would throw, or quietly drop a part. An empty body is validated once
 * per class: validation was 12 % of the CPU of a session's creation, whose body is empty as a rule.
 */
class JsonValidationPipe extends ValidationPipe {
  /** Classes of which an empty body is valid, and has no field afterwards either. */
  private readonly emptyIsValid = new WeakSet<ClassConstructor<object>>();

  override async transform(value: unknown, metadata: ArgumentMetadata): Promise<unknown> {
    if (metadata.type === 'body') checkShape(value);
    const metatype = metadata.metatype as ClassConstructor<object> | undefined;
    if (!metatype || !isEmptyObject(value)) return super.transform(value, metadata);
    if (this.emptyIsValid.has(metatype)) return new metatype();
    const checked: unknown = await super.transform(value, metadata);
    if (isEmptyObject(checked) && isEmptyObject(new metatype())) this.emptyIsValid.add(metatype);
    return checked;
  }
}

const isEmptyObject = (value: unknown): boolean =>
  typeof value === 'object' && value !== null && !Array.isArray(value) && Object.keys(value).length === 0;

/** Goes level by level: what recurses into a deep enough value, as JSON.stringify does, runs out of stack. */
function checkShape(body: unknown): void {
  let level = childrenOf(body);
  for (let depth = 1; level.length > 0; depth++) {
    if (depth > MAX_DEPTH) throw new InvalidInput(`The body is nested more than ${MAX_DEPTH} levels deep.`);
    for (const object of level) {
      if (Array.isArray(object) && object.length > MAX_ITEMS) {
        throw new InvalidInput(`A list of the body has more than ${MAX_ITEMS} items. Send less.`);
      }
      const key = Array.isArray(object) ? undefined : Object.keys(object).find(isReserved);
      if (key !== undefined)
        throw new InvalidInput(`"${key}" cannot be used as a key. Choose another name for it.`);
    }
    level = level.flatMap(childrenOf);
  }
}

/** Nest and class-transformer leave them out, and do not say so. */
function isReserved(name: string): boolean {
  return name in Object.prototype || name === 'prototype';
}

function childrenOf(value: unknown): object[] {
  if (typeof value !== 'object' || value === null) return [];
  return Object.values(value).filter((child) => typeof child === 'object' && child !== null) as object[];
}

/**
 * The one rule for what comes in: known fields are checked, unknown ones dropped, wrong ones refused with a
 * sentence for each. Controllers get it globally; a gateway must name it itself.
 */
export function validationPipe(): ValidationPipe {
  return new JsonValidationPipe({
    transform: true,
    whitelist: true,
    forbidUnknownValues: false,
    exceptionFactory: (errors: ValidationError[]) => {
      const problems = problemsOf(errors);
      return new InvalidInput(
        `The request was refused: ${problems.map(({ problem }) => problem).join('; ')}.`,
        problems,
      );
    },
  });
}

interface Problem {
  readonly field: string;
  readonly problem: string;
}

/** What is wrong, field by field, with one thing at a time for each. */
export function problemsOf(errors: readonly ValidationError[], parent = ''): Problem[] {
  return errors.flatMap((error) => describe(error, parent));
}

/** What a value is, as opposed to how long or how large it is. */
const TYPES = ['isArray', 'isObject', 'nestedValidation', 'isString', 'isInt', 'isNumber', 'isBoolean'];

function describe(error: ValidationError, parent: string): Problem[] {
  const field = parent + error.property;
  const constraints = error.constraints ?? {};
  const wrongType = TYPES.find((type) => type in constraints);
  const missing = error.value === undefined && wrongType !== undefined;
  const texts = wrongType === undefined ? Object.values(constraints) : [constraints[wrongType] ?? ''];
  const own = texts.map((text) => ({
    field,
    problem: missing ? `${field} is missing` : parent ? text.replace(error.property, field) : text,
  }));
  return [...own, ...problemsOf(error.children ?? [], `${field}.`)];
}

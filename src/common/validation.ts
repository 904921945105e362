import { applyDecorators, ValidationPipe } from '@nestjs/common';
import { IsNotEmpty, IsString, MaxLength, type ValidationError } from 'class-validator';
import { InvalidInput } from './errors.js';

/** The id of a session, as it came from this server. */
export function IsSessionId(): PropertyDecorator {
  return applyDecorators(IsString(), IsNotEmpty(), MaxLength(100));
}

/**
 * The one rule for what comes in: known fields are checked, unknown ones dropped, wrong ones refused with a
 * sentence for each. Controllers get it globally; a gateway must name it itself.
 */
export function validationPipe(): ValidationPipe {
  return new ValidationPipe({
    transform: true,
    whitelist: true,
    forbidUnknownValues: false,
    exceptionFactory: (errors: ValidationError[]) => {
      const problems = errors.flatMap((error) => describe(error, ''));
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

function describe(error: ValidationError, parent: string): Problem[] {
  const field = parent + error.property;
  const own = Object.values(error.constraints ?? {}).map((problem) => ({
    field,
    problem: parent ? problem.replace(error.property, field) : problem,
  }));
  return [...own, ...(error.children ?? []).flatMap((child) => describe(child, `${field}.`))];
}

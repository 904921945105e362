import ts from 'typescript';

/**
 * Turns TypeScript types into JSON Schemas. Exported types of objects, and classes of requests, become named schemas of
 * their own. Numbers are integers, but for those whose docstring says `@fraction`.
 */
export class JsonSchemas {
  /** The named schemas that what was asked for so far refers to. */
  schemas = {};
  #checker;
  #names = new Map();
  #types = new Map();

  constructor(checker, files) {
    this.#checker = checker;
    for (const file of files) this.#collectNames(file);
  }

  /** The schema of a type, or a reference to it when the type has a name. */
  of(type) {
    const name = this.#names.get(type);
    if (!name) return this.#describe(type);
    const known = this.#types.get(name);
    if (known && known !== type)
      throw new Error(`Two exported types are called ${name}: rename one of them.`);
    if (!known) {
      this.#types.set(name, type);
      this.schemas[name] = this.#described(type.aliasSymbol ?? type.symbol, this.#describe(type));
    }
    return { $ref: `#/components/schemas/${name}` };
  }

  /** The schema of an object type or a class, whether it has a name or not. */
  ofObject(type) {
    const properties = {};
    const required = [];
    for (const property of this.#checker.getPropertiesOfType(type)) {
      const schema = this.of(this.#checker.getTypeOfSymbol(property));
      const isFraction = property.getJsDocTags(this.#checker).some(({ name }) => name === 'fraction');
      properties[property.name] = this.#described(property, isFraction ? { type: 'number' } : schema);
      if (!(property.flags & ts.SymbolFlags.Optional)) required.push(property.name);
    }
    const index = this.#checker.getIndexInfoOfType(type, ts.IndexKind.String);
    return {
      type: 'object',
      ...(Object.keys(properties).length > 0 && { properties }),
      ...(required.length > 0 && { required }),
      ...(index && { additionalProperties: this.of(index.type) }),
    };
  }

  /** The docstring of a symbol in one line. */
  docOf(symbol) {
    const text = ts.displayPartsToString(symbol?.getDocumentationComment(this.#checker));
    return text
      .replace(/\{@link (\S+?)\}/g, '$1')
      .replace(/\s+/g, ' ')
      .trim();
  }

  #described(symbol, schema) {
    const description = this.docOf(symbol);
    return description ? { ...schema, description } : schema;
  }

  #describe(type) {
    const { flags } = type;
    if (flags & (ts.TypeFlags.Unknown | ts.TypeFlags.Any)) return {};
    if (flags & ts.TypeFlags.Null) return { type: 'null' };
    if (flags & ts.TypeFlags.String) return { type: 'string' };
    if (flags & ts.TypeFlags.Number) return { type: 'integer' };
    if (flags & ts.TypeFlags.Boolean) return { type: 'boolean' };
    if (flags & ts.TypeFlags.BooleanLiteral) return literal(this.#checker.typeToString(type) === 'true');
    if (type.isStringLiteral() || type.isNumberLiteral()) return literal(type.value);
    if (type.isUnion()) return this.#union(type);
    if (this.#checker.isTupleType(type)) return this.#tuple(type);
    if (this.#checker.isArrayType(type)) {
      return { type: 'array', items: this.of(this.#checker.getTypeArguments(type)[0]) };
    }
    if (!(flags & (ts.TypeFlags.Object | ts.TypeFlags.Intersection)) || type.getCallSignatures().length > 0) {
      throw new Error(`${this.#checker.typeToString(type)} cannot be sent as JSON: give it a type that can.`);
    }
    return this.ofObject(type);
  }

  #union(type) {
    const members = type.types.filter(({ flags }) => !(flags & ts.TypeFlags.Undefined));
    if (members.every((member) => member.isStringLiteral())) {
      return { type: 'string', enum: members.map(({ value }) => value) };
    }
    // The checker flattens unions and keeps how they were written in `origin`: names survive only there.
    const { types } = type.origin?.flags & ts.TypeFlags.Union ? type.origin : type;
    const written = types.filter(({ flags }) => !(flags & ts.TypeFlags.Undefined));
    const byType = this.#byType(this.#names.has(type) ? members : written);
    if (byType) return byType;
    const schemas = mergeBooleans(written.map((member) => this.of(member)));
    if (schemas.length === 1) return schemas[0];
    const isPlain = schemas.every((schema) => Object.keys(schema).join() === 'type');
    return isPlain ? { type: schemas.map((schema) => schema.type) } : { anyOf: schemas };
  }

  /** The schema of named objects that their `type` tells apart; undefined where it does not. */
  #byType(members) {
    const all = new Map();
    for (const member of members) {
      const property = this.#names.has(member) && !member.isUnion() ? member.getProperty('type') : undefined;
      for (const type of property ? this.#literalsOf(property) : [undefined]) {
        if (type === undefined) return undefined;
        all.set(type, [...(all.get(type) ?? []), member]);
      }
    }
    const mapping = {};
    for (const [type, those] of all) mapping[type] = this.#anyOf(those);
    const oneOf = [...new Set(Object.values(mapping))].map(($ref) => ({ $ref }));
    return oneOf.length > 1 ? { oneOf, discriminator: { propertyName: 'type', mapping } } : undefined;
  }

  /** The values of a property that is one of some texts; undefined for any other. */
  #literalsOf(property) {
    const type = this.#checker.getTypeOfSymbol(property);
    return (type.isUnion() ? type.types : [type]).map((each) =>
      each.isStringLiteral() ? each.value : undefined,
    );
  }

  /** A reference to the schema of any of some named types: one object, because generators of clients take no other. */
  #anyOf(types) {
    const refs = types.map((type) => this.of(type).$ref);
    if (refs.length === 1) return refs[0];
    const name = types.map((type) => this.#names.get(type)).join('Or');
    this.schemas[name] = merged(types.map((type) => this.schemas[this.#names.get(type)]));
    return `#/components/schemas/${name}`;
  }

  #tuple(type) {
    const { minLength, hasRestElement } = type.target;
    const items = this.#checker.getTypeArguments(type).map((item) => this.of(item));
    if (items.length === 0) return { type: 'array', maxItems: 0, items: {} };
    if (hasRestElement) return { type: 'array', minItems: minLength, items: { anyOf: items } };
    return { type: 'array', minItems: minLength, maxItems: items.length, prefixItems: items };
  }

  #collectNames(file) {
    const module = this.#checker.getSymbolAtLocation(file);
    for (const symbol of module ? this.#checker.getExportsOfModule(module) : []) {
      const declaration = symbol.declarations?.[0];
      if (!declaration || declaration.getSourceFile() !== file || declaration.typeParameters) continue;
      const isInput = ts.isClassDeclaration(declaration) && file.fileName.endsWith('.dto.ts');
      if (!isInput && !ts.isInterfaceDeclaration(declaration) && !ts.isTypeAliasDeclaration(declaration))
        continue;
      const type = this.#checker.getDeclaredTypeOfSymbol(symbol);
      const isObject = (each) => (each.flags & (ts.TypeFlags.Object | ts.TypeFlags.Intersection)) !== 0;
      const worthAName = type.isUnion() ? type.types.some(isObject) : isObject(type);
      if (worthAName && !this.#names.has(type)) this.#names.set(type, symbol.name);
    }
  }
}

function literal(value) {
  return { type: typeof value, const: value };
}

/** An object with the properties of all; required are those that all require. */
function merged(objects) {
  const properties = {};
  for (const [key, schema] of objects.flatMap((each) => Object.entries(each.properties))) {
    const before = properties[key] ?? schema;
    const isSame = JSON.stringify(before) === JSON.stringify(schema);
    properties[key] = isSame ? before : { anyOf: [before, schema] };
  }
  const required = objects[0].required.filter((key) => objects.every((each) => each.required.includes(key)));
  return { type: 'object', properties, required };
}

/** `true | false` is what the checker makes of `boolean` within a union. */
function mergeBooleans(schemas) {
  const isBoolean = (schema) => typeof schema.const === 'boolean';
  if (schemas.filter(isBoolean).length < 2) return schemas;
  return [...schemas.filter((schema) => !isBoolean(schema)), { type: 'boolean' }];
}

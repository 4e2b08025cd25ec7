import { z } from 'zod';

/** A JSON Schema, draft 2020-12, which OpenAPI 3.1 takes as it is. */
export interface JsonSchema {
  $ref?: string;
  type?: string | string[];
  title?: string;
  description?: string;
  format?: string;
  pattern?: string;
  enum?: unknown[];
  const?: unknown;
  default?: unknown;
  examples?: unknown[];
  minimum?: number;
  maximum?: number;
  exclusiveMinimum?: number;
  minLength?: number;
  maxLength?: number;
  minItems?: number;
  maxItems?: number;
  items?: JsonSchema;
  properties?: Record<string, JsonSchema>;
  required?: string[];
  additionalProperties?: JsonSchema;
  anyOf?: JsonSchema[];
  oneOf?: JsonSchema[];
  allOf?: JsonSchema[];
}

const PREFIX = '#/components/schemas/';

/** Makes JSON Schemas of zod's. What has an id there is a component here, and a reference wherever it is used. */
export class SchemaComponents {
  readonly schemas: Record<string, JsonSchema> = {};

  /**
   * @param io whether the client sends it or gets it
   * @throws Error when two different schemas have one id
   */
  of(schema: z.ZodType, io: 'input' | 'output'): JsonSchema {
    const { $defs: definitions = {}, ...own } = z.toJSONSchema(schema, { io }) as RawSchema;
    for (const [name, definition] of Object.entries(definitions)) {
      if (!isAnyJson(name)) this.#add(name, definition);
    }
    return legible(own);
  }

  /** The schema itself where `schema` refers to a component. */
  resolve(schema: JsonSchema): JsonSchema {
    if (schema.$ref === undefined) return schema;
    const found = this.schemas[schema.$ref.slice(PREFIX.length)];
    if (found === undefined) throw new Error(`no component ${schema.$ref}`);
    return found;
  }

  #add(name: string, definition: RawSchema): void {
    const schema = legible(definition);
    const known = this.schemas[name];
    if (known !== undefined && JSON.stringify(known) !== JSON.stringify(schema)) {
      throw new Error(`two different schemas have the id ${name}`);
    }
    this.schemas[name] = schema;
  }
}

/** What refers to itself and has no name is zod's "any JSON": generators stumble over it, and `{}` says the same. */
function isAnyJson(name: string): boolean {
  return name.startsWith('__schema');
}

type RawSchema = Omit<JsonSchema, 'additionalProperties'> & {
  $schema?: unknown;
  $defs?: Record<string, RawSchema>;
  example?: unknown;
  propertyNames?: unknown;
  additionalProperties?: JsonSchema | boolean;
};

/** The same schema for human eyes: without what says nothing, and without what a query's text form alone needs. */
function legible(raw: RawSchema): JsonSchema {
  const { $schema: _dialect, example, propertyNames: _names, additionalProperties, ...schema } = raw;
  const result: JsonSchema = { ...schema };
  if (example !== undefined) result.examples = [example];
  if (result.$ref !== undefined) {
    const name = result.$ref.slice(result.$ref.lastIndexOf('/') + 1);
    if (isAnyJson(name)) delete result.$ref;
    else result.$ref = PREFIX + name;
  }
  if (Number.isInteger(result.const)) result.type = 'integer';
  if (result.type === 'integer') {
    if (typeof result.default === 'string') result.default = Number(result.default);
    delete result.pattern;
    if (result.maximum === Number.MAX_SAFE_INTEGER) delete result.maximum;
    if (result.minimum === -Number.MAX_SAFE_INTEGER) delete result.minimum;
  }
  if (result.format === 'date-time' || result.format === 'date') delete result.pattern;
  // An answer may grow new fields, and unknown ones of a request are ignored: `false` would be too much.
  if (typeof additionalProperties === 'object') result.additionalProperties = legible(additionalProperties);
  if (result.properties !== undefined) {
    result.properties = Object.fromEntries(
      Object.entries(result.properties).map(([name, each]) => [name, legible(each)]),
    );
  }
  if (result.items !== undefined) result.items = legible(result.items);
  for (const key of ['anyOf', 'oneOf', 'allOf'] as const) {
    if (result[key] !== undefined) result[key] = result[key].map(legible);
  }
  return nullable(numbersAsEnum(result));
}

/** A simple type or null as `type: [type, 'null']`, which generators know; a component or null stays a choice. */
function nullable(schema: JsonSchema): JsonSchema {
  const { anyOf, ...rest } = schema;
  const [value, other, ...more] = anyOf ?? [];
  if (value === undefined || other?.type !== 'null' || more.length > 0) return schema;
  if (typeof value.type !== 'string' || value.enum !== undefined || value.const !== undefined) return schema;
  return { ...value, ...rest, type: [value.type, 'null'] };
}

/** A choice of constants as `enum`. */
function numbersAsEnum(schema: JsonSchema): JsonSchema {
  const { anyOf, ...rest } = schema;
  const numbers = anyOf?.map((each) => each.const) ?? [];
  if (numbers.length === 0 || !numbers.every(Number.isInteger)) return schema;
  return { type: 'integer', enum: numbers, ...rest };
}

/** A value that fits `schema`, made of the examples in it. */
export function exampleOf(schema: JsonSchema, components: SchemaComponents): unknown {
  const { $ref, allOf, anyOf, const: constant, enum: choices, examples, items, oneOf, properties } = schema;
  if ($ref !== undefined) return exampleOf(components.resolve(schema), components);
  if (examples?.[0] !== undefined) return examples[0];
  if (schema.default !== undefined) return schema.default;
  if (constant !== undefined) return constant;
  if (choices?.[0] !== undefined) return choices[0];
  if (allOf !== undefined) {
    return Object.assign({}, ...allOf.map((each) => exampleOf(each, components))) as unknown;
  }
  const first = (anyOf ?? oneOf)?.[0];
  if (first !== undefined) return exampleOf(first, components);
  if (items !== undefined) return [exampleOf(items, components)];
  if (properties !== undefined) {
    return Object.fromEntries(
      Object.entries(properties).map(([name, each]) => [name, exampleOf(each, components)]),
    );
  }
  const types = [schema.type ?? 'null'].flat();
  if (types.includes('null')) return null;
  if (types.includes('boolean')) return false;
  if (types.includes('integer') || types.includes('number')) return schema.minimum ?? 0;
  return types.includes('object') ? {} : 'text';
}

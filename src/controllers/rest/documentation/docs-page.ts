import { readFileSync } from 'node:fs';
import path from 'node:path';
import ejs from 'ejs';
import { type Language, texts } from '../../language';
import { chineseFor, inChinese } from './chinese';
import { type JsonSchema } from './json-schema';
import { type OpenApi, type Operation, type Parameter, type Response } from './openapi';

const TEMPLATE = path.join(__dirname, '..', '..', '..', 'views', 'pages', 'docs.ejs');

/** A line of a table of fields. `type` may link to a component. */
interface Field {
  name: string;
  /** How deep it lies in the body. */
  depth: number;
  required: boolean;
  type: TypeLabel;
  notes: string;
}

interface TypeLabel {
  text: string;
  /** the component that it names */
  component?: string;
}

/** The OpenAPI document as a page for people: no script, one stylesheet. */
export function docsPage(english: OpenApi, language: Language): string {
  const document = language === 'zh' ? inChinese(english) : english;
  const operations = Object.entries(document.paths).flatMap(([address, methods]) =>
    Object.entries(methods).map(([method, operation]) =>
      operationView(document, method.toUpperCase(), address, operation),
    ),
  );
  const data = {
    info: document.info,
    language,
    t: texts(language),
    sections: document.tags.map(({ name }) => ({
      name,
      heading: language === 'zh' ? chineseFor(name) : name,
      operations: operations.filter((operation) => operation.tag === name),
    })),
    schemas: Object.entries(document.components.schemas).map(([name, schema]) => ({
      name,
      description: schema.description ?? '',
      variants: variantsOf(document, schema),
    })),
  };
  return ejs.render(readFileSync(TEMPLATE, 'utf8'), data, { filename: TEMPLATE });
}

function operationView(document: OpenApi, method: string, address: string, operation: Operation) {
  const body = operation.requestBody?.content['application/json'];
  const responses = Object.entries(operation.responses).map(([status, response]) => ({
    status: Number(status),
    ...('$ref' in response ? referred(document, response.$ref) : response),
  }));
  return {
    method,
    address,
    tag: operation.tags[0],
    id: operation.operationId,
    summary: operation.summary,
    description: operation.description,
    parameters: operation.parameters.map(parameterField),
    variants: body === undefined ? [] : variantsOf(document, body.schema),
    curl: curlOf(method, address, operation, body?.example),
    answers: responses.filter(({ status }) => status < 400).map((answer) => answerView(answer)),
    problems: responses.filter(({ status }) => status >= 400),
  };
}

function referred(document: OpenApi, reference: string): Response {
  const response = document.components.responses[reference.slice(reference.lastIndexOf('/') + 1)];
  if (response === undefined) throw new Error(`no component ${reference}`);
  return response;
}

function answerView({ status, description, content }: Response & { status: number }) {
  const media = content?.['application/json'];
  return {
    status,
    description,
    type: media === undefined ? { text: 'no body' } : listLabel(media.schema),
    example: media === undefined ? '' : JSON.stringify(media.example, null, 2),
  };
}

/** What an answer is: of a list, what its items are. */
function listLabel(schema: JsonSchema): TypeLabel {
  const { items } = schema.properties ?? {};
  if (items?.type !== 'array') return typeOf(schema);
  const others = Object.keys(schema.properties ?? {}).filter((name) => name !== 'items');
  const label = typeOf(items);
  return { ...label, text: `{ items: ${label.text}, ${others.join(', ')} }` };
}

function parameterField({ name, in: place, description, required, schema }: Parameter): Field {
  const notes = [place === 'path' ? 'in the path' : '', description ?? '', notesOf(schema)];
  return { name, depth: 0, required, type: typeOf(schema), notes: sentence(notes) };
}

/** A schema's fields; a choice of schemas has one table each. */
function variantsOf(document: OpenApi, schema: JsonSchema): { title: string; fields: Field[] }[] {
  const all = schema.allOf ?? [schema];
  const choice = all.map((each) => resolved(document, each)).find((each) => each.oneOf !== undefined);
  const shared = all.filter((each) => resolved(document, each) !== choice);
  const common = shared.flatMap((each) => fieldsOf(resolved(document, each), 0));
  if (choice === undefined) return [{ title: '', fields: common }];
  const variants = (choice.oneOf ?? []).map((each) => ({
    title: `type ${String(each.properties?.type?.const)}: ${each.title ?? ''}`,
    fields: fieldsOf(each, 0).filter(({ name }) => name !== 'type'),
  }));
  return [...(common.length === 0 ? [] : [{ title: '', fields: common }]), ...variants];
}

function resolved(document: OpenApi, schema: JsonSchema): JsonSchema {
  if (schema.$ref === undefined) return schema;
  return document.components.schemas[schema.$ref.slice(schema.$ref.lastIndexOf('/') + 1)] ?? schema;
}

function fieldsOf(schema: JsonSchema, depth: number): Field[] {
  if (schema.type === 'array' && schema.items !== undefined) return fieldsOf(schema.items, depth);
  return Object.entries(schema.properties ?? {}).flatMap(([name, each]) => [
    {
      name,
      depth,
      required: schema.required?.includes(name) ?? false,
      type: typeOf(each),
      notes: sentence([each.description ?? '', notesOf(each)]),
    },
    ...fieldsOf(each, depth + 1),
  ]);
}

function typeOf(schema: JsonSchema): TypeLabel {
  if (schema.$ref !== undefined) {
    const component = schema.$ref.slice(schema.$ref.lastIndexOf('/') + 1);
    return { text: component, component };
  }
  if (schema.allOf !== undefined) {
    const named = schema.allOf.map(typeOf).find(({ component }) => component !== undefined);
    return named === undefined ? { text: 'object' } : { ...named, text: `object, ${named.text}` };
  }
  if (schema.items !== undefined) {
    const inner = typeOf(schema.items);
    return { ...inner, text: `${inner.text}[]` };
  }
  if (schema.const !== undefined) return { text: JSON.stringify(schema.const) };
  if (schema.enum !== undefined) return { text: schema.enum.map((each) => JSON.stringify(each)).join(' | ') };
  const choice = schema.anyOf ?? schema.oneOf;
  if (choice !== undefined) {
    const labels = choice.map(typeOf);
    const component = labels.find((label) => label.component !== undefined)?.component;
    const text = labels.map((label) => label.text).join(' | ');
    return component === undefined ? { text } : { text, component };
  }
  return { text: [schema.format ?? schema.type ?? 'any'].flat().join(' | ') };
}

/** Limits of a value, in words. */
function notesOf(schema: JsonSchema): string {
  const inner = schema.anyOf?.find((each) => each.type !== 'null');
  const limits = { ...inner, ...schema };
  const least = limits.minimum ?? (limits.exclusiveMinimum === 0 ? 1 : undefined);
  const notes = [
    range(least, limits.maximum),
    range(limits.minLength, limits.maxLength, ' characters'),
    range(limits.minItems, limits.maxItems, ' items'),
    limits.default === undefined ? '' : `${JSON.stringify(limits.default)} by default`,
  ];
  return sentence(notes, ', ');
}

function range(least: number | undefined, most: number | undefined, unit = ''): string {
  if (most === undefined) return '';
  return `${least === undefined ? 'up to' : `${least} to`} ${most}${unit}`;
}

function sentence(parts: readonly string[], between = '; '): string {
  return parts.filter(Boolean).join(between);
}

/** The call as a line for a shell, where `$IM` is the server's address and `$KEY` the backend's app key. */
function curlOf(method: string, address: string, operation: Operation, example: unknown): string {
  let url = address;
  for (const { name, in: place, required, schema } of operation.parameters) {
    const value = encodeURIComponent(JSON.stringify(schema.examples?.[0] ?? name).replaceAll('"', ''));
    if (place === 'path') url = url.replace(`{${name}}`, value);
    // Elsewhere the body says for whom the backend asks.
    else if (required || (name === 'user_id' && ['GET', 'DELETE'].includes(method)))
      url += `${url.includes('?') ? '&' : '?'}${name}=${value}`;
  }
  const lines = [`curl ${method === 'GET' ? '' : `-X ${method} `}"$IM${url}"`, `  -H "X-IM-App-Key: $KEY"`];
  if (example !== undefined && JSON.stringify(example) !== '{}') {
    const body = JSON.stringify(example).replaceAll("'", "'\\''");
    lines.push(`  -H 'Content-Type: application/json'`, `  -d '${body}'`);
  }
  return lines.join(' \\\n');
}

/**
 * JSON Schemas that a server sends: whether they are valid, and whether data conforms to them.
 *
 * They are judged in the dialects 2020-12 and draft-07 and in no other; what they refer to elsewhere is never fetched. A
 * schema may be made to keep a validator busy for ever: what is too large, or could take too long, is not judged.
 */

import { Ajv, type ErrorObject, type ValidateFunction } from 'ajv';
import { Ajv2020 } from 'ajv/dist/2020.js';
import { isRecord, show } from '../match.ts';
import { isCheap, isDeep, patternOf } from './schema-cost.ts';

type Dialect = '2020-12' | 'draft-07';

export interface SchemaFault {
  readonly kind: 'invalid' | 'ref' | 'external' | 'pattern';
  readonly why: string;
}

interface Judged {
  readonly faults: readonly SchemaFault[];
  /** Undefined where nothing can be validated by it. */
  readonly validate: ValidateFunction | undefined;
}

const LONGEST_TEXT = 64 * 1024;
const NOT_JUDGED: Judged = { faults: [], validate: undefined };
/** By dialect and text; a server lists the same tools again and again. */
const judged = new Map<string, Judged>();
const KEPT = 1000;

/**
 * @param isOld before 2025-11-25, which made 2020-12 the dialect of a schema that names none
 * @returns what is wrong with it, which is nothing where that is not judged
 */
export function schemaFaults(schema: Record<string, unknown>, isOld: boolean): readonly SchemaFault[] {
  const named = dialectOf(schema);
  if (named === 'other') return [];
  if (named !== undefined || !isOld) return judge(schema, named ?? '2020-12').faults;
  const newest = judge(schema, '2020-12').faults;
  if (newest.every(({ kind }) => kind !== 'invalid')) return newest;
  const older = judge(schema, 'draft-07').faults;
  return older.some(({ kind }) => kind === 'invalid') ? newest : older;
}

/** @returns why data does not conform to a schema, or undefined where it does or where that is not judged */
export function nonconformity(schema: unknown, data: unknown, isOld: boolean): string | undefined {
  if (!isRecord(schema)) return undefined;
  const dialect = dialectOf(schema) ?? '2020-12';
  if (dialect === 'other' || (isOld && schemaFaults(schema, true).length > 0)) return undefined;
  const { validate } = judge(schema, dialect);
  if (!validate || !isCheap(schema, data)) return undefined;
  try {
    return validate(data) === false ? told(validate.errors) : undefined;
  } catch {
    // A schema that goes round in circles ends with the stack.
    return undefined;
  }
}

function dialectOf({ $schema }: Record<string, unknown>): Dialect | 'other' | undefined {
  if ($schema === undefined) return undefined;
  const name = String($schema)
    .replace(/^https?:/, '')
    .replace(/#$/, '');
  if (name === '//json-schema.org/draft/2020-12/schema') return '2020-12';
  return name === '//json-schema.org/draft-07/schema' ? 'draft-07' : 'other';
}

function judge(schema: Record<string, unknown>, dialect: Dialect): Judged {
  if (isDeep(schema)) return NOT_JUDGED;
  const text = JSON.stringify(schema);
  // `$async` would make ajv answer with a promise.
  if (text.length > LONGEST_TEXT || text.includes('"$async"')) return NOT_JUDGED;
  const key = `${dialect} ${text}`;
  const known = judged.get(key);
  if (known) return known;
  const fresh = compiled(schema, dialect);
  judged.set(key, fresh);
  const [oldest] = judged.keys();
  if (judged.size > KEPT && oldest !== undefined) judged.delete(oldest);
  return fresh;
}

function compiled(schema: Record<string, unknown>, dialect: Dialect): Judged {
  const faults: SchemaFault[] = [];
  try {
    const meta = metaschema(dialect);
    if (!meta(schema)) return { faults: [{ kind: 'invalid', why: told(meta.errors) }], validate: undefined };
    const regExp = Object.assign(
      (pattern: string) => patternOf(pattern, (why) => faults.push({ kind: 'pattern', why })),
      {
        code: 'new RegExp',
      },
    );
    // One of its own for each schema: ids of one must not be seen by another.
    const options = {
      strict: false,
      validateSchema: false,
      validateFormats: false,
      meta: false,
      inlineRefs: false,
      ownProperties: true,
      logger: false,
      code: { regExp },
    } as const;
    const validate = (dialect === '2020-12' ? new Ajv2020(options) : new Ajv(options)).compile(schema);
    return { faults, validate };
  } catch (error) {
    const fault = unresolved(error, schema);
    if (fault) faults.push(fault);
    // Any other is a limit of the validator, not of the schema.
    return { faults, validate: undefined };
  }
}

/** Made when first needed: they take a while. */
const metaschemas = new Map<Dialect, ValidateFunction>();

function metaschema(dialect: Dialect): ValidateFunction {
  const known = metaschemas.get(dialect);
  if (known) return known;
  const options = { strict: false, validateFormats: false, logger: false } as const;
  const found =
    dialect === '2020-12'
      ? new Ajv2020(options).getSchema('https://json-schema.org/draft/2020-12/schema')
      : new Ajv(options).getSchema('http://json-schema.org/draft-07/schema');
  if (!found) throw new Error(`there is no schema of ${dialect}`);
  metaschemas.set(dialect, found);
  return found;
}

function unresolved(error: unknown, schema: Record<string, unknown>): SchemaFault | undefined {
  const { missingRef } = error as { missingRef?: unknown };
  if (typeof missingRef !== 'string') return undefined;
  const [base = ''] = missingRef.split('#');
  if (base === '' || idsOf(schema).some((id) => id.split('#')[0] === base))
    return { kind: 'ref', why: `refers to ${show(missingRef)}, which is not there` };
  // The schemas of JSON Schema are known to everybody.
  if (/^https?:\/\/json-schema\.org\//.test(base)) return undefined;
  return { kind: 'external', why: `refers to ${show(missingRef)}, which is not part of it` };
}

function idsOf(value: unknown): string[] {
  if (typeof value !== 'object' || value === null) return [];
  const own = isRecord(value) && typeof value.$id === 'string' ? [value.$id] : [];
  return [...own, ...Object.values(value).flatMap(idsOf)];
}

function told(errors: readonly ErrorObject[] | null | undefined): string {
  const [first] = errors ?? [];
  return first ? `${first.instancePath || 'it'} ${first.message ?? 'is wrong'}` : 'it is wrong';
}

/**
 * The configuration of npubridge: one schema for files, variables, flags, `createBridge` and Python. A section is a file
 * in `sections/` and a line here; everything else (variables, reference, JSON schema, messages) follows from it.
 */
import {z} from 'zod'

import {batching} from './sections/batching.ts'
import {breaker} from './sections/breaker.ts'
import {cluster} from './sections/cluster.ts'
import {general} from './sections/general.ts'
import {matlab} from './sections/matlab.ts'
import {models} from './sections/models.ts'
import {npu} from './sections/npu.ts'
import {power} from './sections/power.ts'
import {profiles} from './sections/profiles.ts'
import {queue} from './sections/queue.ts'
import {resources} from './sections/resources.ts'
import {routing} from './sections/routing.ts'
import {workflow} from './sections/workflow.ts'

export const configSchema = z
  .strictObject({
    ...general,
    queue,
    batching,
    resources,
    breaker,
    npu,
    power,
    matlab_config: matlab,
    routing,
    workflow,
    cluster,
    profiles,
    models,
  })
  .meta({title: 'Configuration of npubridge'})

/** What is set; everything else has its default. */
export type Config = z.infer<typeof configSchema>

/** An object in a JSON schema, as far as it is looked at here. */
export interface JsonSchema {
  readonly additionalProperties?: boolean | JsonSchema
  readonly anyOf?: readonly JsonSchema[]
  readonly default?: boolean | number | string
  readonly description?: string
  readonly enum?: readonly string[]
  readonly items?: JsonSchema
  readonly exclusiveMinimum?: number
  readonly maximum?: number
  readonly minimum?: number
  readonly properties?: Readonly<Record<string, JsonSchema>>
  readonly type?: string
  readonly 'x-default'?: string
}

/** The schema of files as JSON Schema, draft 2020-12; `$schema` and other keys with a dollar are for editors. */
export function configJsonSchema(): JsonSchema {
  if (jsonSchema === undefined) {
    const schema = z.toJSONSchema(configSchema, {io: 'input'})
    const notes: object = {patternProperties: {'^\\$': {}}}
    jsonSchema = {...(schema as JsonSchema), ...notes}
  }

  return jsonSchema
}

let jsonSchema: JsonSchema | undefined

/** One setting: a place in the configuration that holds a value. */
export interface Setting {
  /** `['queue', 'capacity']` */
  readonly path: readonly string[]
  readonly schema: JsonSchema
}

/** The settings of `schema` in their order; what has names of the user's own is one setting. */
export function settingsOf(schema: JsonSchema, before: readonly string[] = []): Setting[] {
  return Object.entries(schema.properties ?? {}).flatMap(([name, each]) =>
    each.properties === undefined ? {path: [...before, name], schema: each} : settingsOf(each, [...before, name]),
  )
}

let settings: readonly Setting[] | undefined

/** All settings. */
export function allSettings(): readonly Setting[] {
  return (settings ??= settingsOf(configJsonSchema()))
}

/** The variable that sets a setting: `NPUBRIDGE_QUEUE_CAPACITY`. */
export function variableOf({path}: Pick<Setting, 'path'>): string {
  return `NPUBRIDGE_${path.join('_').toUpperCase()}`
}

/** What a setting may be, in words: `a whole number from 1 to 1024`. */
export function allowedBy(schema: JsonSchema): string {
  if (schema.enum) return `one of ${schema.enum.join(', ')}`
  if (schema.anyOf) return schema.anyOf.map((each) => allowedBy(each)).join(' or ')
  switch (schema.type) {
    case 'integer': {
      return `a whole number ${range(schema)}`
    }

    case 'number': {
      return `a number ${range(schema)}`
    }

    case 'boolean': {
      return 'true or false'
    }

    case 'array': {
      return `a list, each element ${allowedBy(schema.items ?? {})}`
    }

    case 'object': {
      const names = Object.keys(schema.properties ?? {})
      return names.length > 0 ? `an object of ${names.join(', ')}` : 'an object'
    }

    case 'null': {
      return 'null'
    }

    default: {
      return 'a text'
    }
  }
}

function range({exclusiveMinimum, maximum, minimum}: JsonSchema): string {
  const from = exclusiveMinimum === undefined ? `from ${minimum ?? 0}` : `above ${exclusiveMinimum}`
  return maximum === undefined || maximum >= Number.MAX_SAFE_INTEGER ? from : `${from} to ${maximum}`
}

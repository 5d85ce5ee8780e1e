/** The schemas that are published with npubridge, by file: what editors, scripts and Python check with. */
import {z} from 'zod'

import {ERROR_CODES} from '../errors.ts'
import {adviceReportSchema, tuneReportSchema} from '../tune/report.ts'
import {configJsonSchema} from './schema.ts'

const error = z.strictObject({
  error: z.strictObject({
    code: z.enum(ERROR_CODES),
    message: z.string(),
    suggestions: z.array(z.string()),
    cause: z.string().optional(),
  }),
})

const init = z.strictObject({file: z.string(), replaced: z.boolean()})
const validate = z.strictObject({
  valid: z.boolean(),
  file: z.string().nullable(),
  problems: z.array(
    z.strictObject({
      path: z.string(),
      value: z.unknown(),
      allowed: z.string(),
      nearest: z.string().nullable(),
      message: z.string(),
      origin: z.string(),
    }),
  ),
})

/** Each by its path in the project. */
export function publishedSchemas(): Record<string, unknown> {
  const config = configJsonSchema()
  return {
    'docs/schemas/config.schema.json': config,
    'native/python/python/npubridge/_config_schema.json': config,
    'docs/schemas/config-init.json': z.toJSONSchema(z.union([init, error])),
    'docs/schemas/config-show.json': shown(config),
    'docs/schemas/config-validate.json': z.toJSONSchema(z.union([validate, error])),
    'docs/schemas/tune.json': z.toJSONSchema(z.union([tuneReportSchema, adviceReportSchema, error])),
  }
}

/** A configuration with where its values come from, or an error. */
function shown(config: object): unknown {
  const {$schema, properties, ...others} = config as {$schema: string; properties: object}
  const told = {
    $file: {anyOf: [{type: 'string'}, {type: 'null'}]},
    $origins: {type: 'object', additionalProperties: {type: 'string'}},
    $defaults: {type: 'object', additionalProperties: {}},
  }
  const show = {...others, properties: {...told, ...properties}, required: Object.keys(told)}
  const {$schema: _, ...failed} = z.toJSONSchema(error)
  return {$schema, anyOf: [show, failed]}
}

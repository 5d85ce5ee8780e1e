/** JavaScript writes `delayUs` where files, Python and Rust write `delay_us`. */
import {snakeCase} from '../engine/native/settings.ts'
import {configJsonSchema, type JsonSchema} from './schema.ts'

/** A configuration as JavaScript writes it, in the names of the schema. Names of the user's own stay as they are. */
export function fromJavaScript(config: object): Record<string, unknown> {
  return renamed(config, configJsonSchema()) as Record<string, unknown>
}

function renamed(value: unknown, schema: JsonSchema): unknown {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return value
  const others = schema.additionalProperties
  const properties = schema.properties ?? schema.anyOf?.find((each) => each.properties)?.properties
  return Object.fromEntries(
    Object.entries(value as Record<string, unknown>).map(([key, inner]) => {
      const name = properties && !Object.hasOwn(properties, key) ? snakeCase(key) : key
      const known = properties?.[name]
      if (known) return [name, renamed(inner, known)]
      return [key, typeof others === 'object' ? renamed(inner, others) : inner]
    }),
  )
}

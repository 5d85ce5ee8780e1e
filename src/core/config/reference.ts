/** The reference of all settings, as Markdown; docs/configuration.md holds it and a test holds that against this. */
import {allowedBy, configJsonSchema, type JsonSchema, variableOf} from './schema.ts'

/** Where the generated part of docs/configuration.md begins and ends. */
export const REFERENCE_MARKS = ['<!-- reference -->', '<!-- /reference -->'] as const

/** A table for each section of the schema. */
export function configReference(): string {
  const schema = configJsonSchema()
  const general = Object.entries(schema.properties ?? {}).filter(([, each]) => !isSection(each))
  const sections = Object.entries(schema.properties ?? {}).filter(([, each]) => isSection(each))
  return ['### General', '', ...table(general, []), ...sections.flatMap(([name, each]) => section(name, each))].join(
    '\n',
  )
}

function isSection({additionalProperties, properties}: JsonSchema): boolean {
  return properties !== undefined || typeof additionalProperties === 'object'
}

function section(name: string, schema: JsonSchema): string[] {
  const head = ['', `### ${name}`, '', schema.description ?? '', '']
  if (schema.properties) return [...head, ...table(Object.entries(schema.properties), [name])]
  const inner = schema.additionalProperties as JsonSchema
  const variable = `As a variable: \`${variableOf({path: [name]})}\`, in JSON.`
  return [...head, `Below each name:`, '', ...table(Object.entries(inner.properties ?? {}), null), '', variable]
}

/**
 * @param settings of one section
 * @param path of the section; null where settings have no variables of their own
 */
function table(settings: ReadonlyArray<[string, JsonSchema]>, path: null | readonly string[]): string[] {
  const head =
    path === null
      ? ['setting', 'what it is', 'may be', 'default']
      : ['setting', 'what it is', 'may be', 'default', 'variable']
  const rows = settings.map(([name, schema]) => [
    `\`${name}\``,
    schema.description ?? '',
    schema.properties ? `an object of ${Object.keys(schema.properties).join(', ')}` : allowedBy(schema),
    schema.default === undefined ? (schema['x-default'] ?? 'none') : `\`${String(schema.default)}\``,
    ...(path === null ? [] : [`\`${variableOf({path: [...path, name]})}\``]),
  ])
  return [head, head.map(() => '---'), ...rows].map((cells) => `| ${cells.join(' | ')} |`)
}

/** Writes a configuration to start from. */
import {writeFile} from 'node:fs/promises'
import path from 'node:path'

import {EXIT, NpuBridgeError} from '../errors.ts'
import {CONFIG_FILES, findConfigFile} from './files.ts'
import {allowedBy, configJsonSchema, type JsonSchema} from './schema.ts'

/** The schema that editors check files with; it is part of the package. */
const SCHEMA = path.resolve(import.meta.dirname, '../../../docs/schemas/config.schema.json')

export interface InitRequest {
  readonly folder: string
  readonly format: 'json' | 'yaml'
  /** Writes over the file of the same name. */
  readonly force: boolean
}

export interface WrittenConfig {
  readonly file: string
  readonly replaced: boolean
}

/**
 * @throws {NpuBridgeError} INVALID_ARGUMENT with the exit code of a guard when there is a configuration already;
 *   RESOURCE_EXHAUSTED when the file cannot be written
 */
export async function initConfig({folder, force, format}: InitRequest): Promise<WrittenConfig> {
  const file = path.resolve(folder, CONFIG_FILES[format === 'json' ? 0 : 1])
  const existing = await existingIn(folder)
  if (existing !== null && !(force && existing === file)) {
    throw new NpuBridgeError('INVALID_ARGUMENT', `there is a configuration already: ${existing}`, {
      exitCode: EXIT.guardRefused,
      suggestions: [
        'npubridge config show    tells what holds',
        ...(existing === file ? ['Write over it: --force'] : []),
      ],
    })
  }

  const schema = path.relative(path.dirname(file), SCHEMA)
  await writeFile(file, format === 'json' ? jsonTemplate(schema) : yamlTemplate(schema))
  return {file, replaced: existing === file}
}

/** The file that `folder` itself has; one of a folder above goes on to hold there. */
async function existingIn(folder: string): Promise<null | string> {
  const found = await findConfigFile(folder)
  return found !== null && path.dirname(found.file) === path.resolve(folder) ? found.file : null
}

function jsonTemplate(schema: string): string {
  return `${JSON.stringify({$schema: schema, device: 'auto', profile: 'latency'}, null, 2)}\n`
}

/** Every setting with its description; all but two are comments. */
function yamlTemplate(schema: string): string {
  const lines = [
    `# yaml-language-server: $schema=${schema}`,
    '# Everything may be left out. Variables (NPUBRIDGE_QUEUE_CAPACITY) and flags overrule this file.',
    'device: auto',
    'profile: latency',
    '',
    ...sectionLines(configJsonSchema(), '# ', new Set(['device', 'profile'])),
  ]
  return `${lines.join('\n')}\n`
}

function sectionLines(schema: JsonSchema, indent: string, without = new Set<string>()): string[] {
  return Object.entries(schema.properties ?? {}).flatMap(([name, each]) => {
    if (without.has(name)) return []
    if (each.properties) return [`${indent}${name}:`, ...sectionLines(each, `${indent}  `)]
    if (each.type === 'object' && each.default === undefined) return [`${indent}${name}: {}  # ${each.description!}`]
    const unset = each.default ?? `(${each['x-default']!})`
    return [`${indent}${name}: ${String(unset)}  # ${each.description!} May be ${allowedBy(each)}.`]
  })
}

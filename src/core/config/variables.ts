/** Settings from environment variables: `NPUBRIDGE_QUEUE_CAPACITY=1000`. */
import {nearestName} from '../run/nearest.ts'
import {allSettings, type JsonSchema, type Setting, variableOf} from './schema.ts'

/**
 * Variables of npubridge that are no settings: where things are, and what tests use. A test holds the list against the
 * sources.
 */
export const OTHER_VARIABLES: readonly string[] = [
  'NPUBRIDGE_CLUSTER_KEY',
  'NPUBRIDGE_CONFIG',
  'NPUBRIDGE_FAULTS',
  'NPUBRIDGE_FAULTS_FILE',
  'NPUBRIDGE_HOME',
  'NPUBRIDGE_LEGACY_SLEEP',
  'NPUBRIDGE_NATIVE',
  'NPUBRIDGE_PYTHON',
  'NPUBRIDGE_REQUIRE_ALL',
  'NPUBRIDGE_ROLLOUT',
  'NPUBRIDGE_TOKEN',
]

const PREFIX = 'NPUBRIDGE_'

/** A setting that a variable sets. */
export interface FromVariable {
  readonly path: readonly string[]
  readonly value: unknown
  readonly variable: string
}

/** Variables that look like settings and are none. */
export interface UnknownVariable {
  readonly variable: string
  readonly value: string
  /** The variable that was probably meant; null where none is close. */
  readonly nearest: null | string
}

export interface Variables {
  readonly settings: readonly FromVariable[]
  readonly unknown: readonly UnknownVariable[]
}

/** What the variables of `env` set. Empty ones set nothing. */
export function readVariables(env: NodeJS.ProcessEnv): Variables {
  const byVariable = new Map(allSettings().map((setting) => [variableOf(setting), setting]))
  const known = [...byVariable.keys(), ...OTHER_VARIABLES]
  const settings: FromVariable[] = []
  const unknown: UnknownVariable[] = []
  for (const [variable, text] of Object.entries(env)) {
    if (!variable.startsWith(PREFIX) || !text) continue
    const setting = byVariable.get(variable)
    if (setting) settings.push({path: setting.path, value: valueFrom(text, setting), variable})
    else if (!OTHER_VARIABLES.includes(variable)) {
      const nearest = nearestName(
        variable.slice(PREFIX.length),
        known.map((name) => name.slice(PREFIX.length)),
      )
      unknown.push({variable, value: text, nearest: nearest === undefined ? null : PREFIX + nearest})
    }
  }

  return {settings, unknown}
}

/** The value that `text` stands for; text that stands for none stays text, for the schema to refuse. */
function valueFrom(text: string, {schema}: Setting): unknown {
  const types = new Set([schema, ...(schema.anyOf ?? [])].map(({type}: JsonSchema) => type))
  if (types.has('number') || types.has('integer'))
    return text.trim() !== '' && Number.isFinite(Number(text)) ? Number(text) : text
  if (types.has('boolean')) return {true: true, '1': true, false: false, '0': false}[text.toLowerCase()] ?? text
  if (text.startsWith('{') || text.startsWith('[')) {
    try {
      return JSON.parse(text)
    } catch {
      return text
    }
  }

  if (types.has('array')) return text.split(',').map((part) => (Number.isFinite(Number(part)) ? Number(part) : part))
  return text
}

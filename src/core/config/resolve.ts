/**
 * What holds: a file is overruled by variables, and those by flags. Every value keeps its origin, for `config show` and
 * for messages.
 */
import {showValue} from '../run/fields.ts'
import {contradictions} from './contradictions.ts'
import {type ConfigFile, findConfigFile, readConfigFile} from './files.ts'
import {configInvalid, type Problem, problemsOf, valueAt} from './problems.ts'
import {allSettings, type Config} from './schema.ts'
import {readVariables, type UnknownVariable} from './variables.ts'

export interface ConfigSources {
  /** Where the project's file is looked for; null: nowhere. @default the working folder */
  readonly folder?: null | string
  /** The file to take instead. */
  readonly file?: string | undefined
  /** @default process.env */
  readonly env?: NodeJS.ProcessEnv
  /** Settings from code, which overrule variables, in the shape of a file. */
  readonly code?: Readonly<Record<string, unknown>> | undefined
  /** Values of flags by the path of their setting, `queue.capacity`; undefined ones were not given. */
  readonly flags?: Readonly<Record<string, unknown>>
}

/** A setting with its value and where that comes from. */
export interface ResolvedSetting {
  readonly path: string
  /** Undefined where nobody sets it and the default depends on the machine. */
  readonly value: unknown
  /** `default`, a file, a variable, or a flag: `--device`. */
  readonly origin: string
}

export interface ResolvedConfig {
  readonly config: Config
  /** Every setting, in the order of the schema. */
  readonly settings: readonly ResolvedSetting[]
  readonly file: null | string
  /** Variables that look like settings and set nothing. */
  readonly ignored: readonly UnknownVariable[]
}

const PROGRAM = 'the program'

/** What was found before anything was judged. */
interface Gathered {
  readonly values: Record<string, unknown>
  /** The origin of each place that a source sets, by its path. */
  readonly origins: ReadonlyMap<string, string>
  readonly file: ConfigFile | null
  readonly ignored: readonly UnknownVariable[]
}

/**
 * Reads all sources.
 *
 * @throws {NpuBridgeError} CONFIG_INVALID with every problem and its origin
 */
export async function resolveConfig(sources: ConfigSources = {}): Promise<ResolvedConfig> {
  const gathered = await gather(sources)
  const problems = problemsIn(gathered)
  if (problems.length > 0) throw configInvalid(problems, ({path}) => toldOrigin(path, gathered))
  const config = gathered.values as Config
  const settings = allSettings().map(({path, schema}) => {
    const place = path.join('.')
    const value = valueAt(config, path)
    return value === undefined
      ? {path: place, value: schema.default, origin: 'default'}
      : {path: place, value, origin: originOf(place, gathered)}
  })
  return {config, settings, file: gathered.file?.file ?? null, ignored: gathered.ignored}
}

/** What is wrong, each with its origin; nothing when all is well. Files that cannot be read are errors here too. */
export async function problemsOfSources(
  sources: ConfigSources,
): Promise<{file: null | string; problems: Array<Problem & {origin: string}>}> {
  const gathered = await gather(sources)
  const problems = problemsIn(gathered).map((problem) => ({...problem, origin: originOf(problem.path, gathered)}))
  return {file: gathered.file?.file ?? null, problems}
}

async function gather(sources: ConfigSources): Promise<Gathered> {
  const {code = {}, env = process.env, file, flags = {}, folder = process.cwd()} = sources
  const named = file ?? (env.NPUBRIDGE_CONFIG || undefined)
  const found = named === undefined ? folder && (await findConfigFile(folder)) : await readConfigFile(named)
  const {settings, unknown} = readVariables(env)
  const values = structuredClone(found ? found.values : {}) as Record<string, unknown>
  const origins = new Map<string, string>()
  for (const {path, value, variable} of settings) {
    set(values, path, value)
    origins.set(path.join('.'), variable)
  }

  overlay(values, code, [], origins)
  for (const [path, value] of Object.entries(flags)) {
    if (value === undefined) continue
    set(values, path.split('.'), value)
    origins.set(path, `--${path.split('.').at(-1)!.replaceAll('_', '-')}`)
  }

  return {values, origins, file: found || null, ignored: unknown}
}

/** Sets what `code` sets, value by value. */
function overlay(
  values: Record<string, unknown>,
  code: Readonly<Record<string, unknown>>,
  before: readonly string[],
  origins: Map<string, string>,
): void {
  for (const [name, value] of Object.entries(code)) {
    if (value === undefined) continue
    const place = [...before, name]
    if (isPlainObject(value) && Object.keys(value).length > 0) {
      overlay(values, value, place, origins)
    } else {
      set(values, place, value)
      origins.set(place.join('.'), PROGRAM)
    }
  }
}

function isPlainObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function problemsIn({ignored, values}: Gathered): Problem[] {
  // A variable one letter away from a setting is a slip; others may be anybody's.
  const slips = ignored.filter(({nearest}) => nearest !== null)
  const problems = [
    ...slips.map(({nearest, value, variable}) => ({
      path: variable,
      value,
      allowed: 'a variable of a setting',
      nearest,
      message: `${variable} is ${showValue(value)}, but sets nothing`,
    })),
    ...problemsOf(values),
  ]
  return problems.length > 0 ? problems : contradictions(values)
}

/** Puts a value at its place. What is in the way and no object is left for the schema to refuse. */
function set(values: Record<string, unknown>, path: readonly string[], value: unknown): void {
  const [name, ...rest] = path as [string, ...string[]]
  if (rest.length === 0) {
    values[name] = value
    return
  }

  values[name] ??= {}
  const inner = values[name]
  if (typeof inner === 'object' && inner !== null) set(inner as Record<string, unknown>, rest, value)
}

/** A program knows what it passed. */
function toldOrigin(place: string, gathered: Gathered): null | string {
  const origin = originOf(place, gathered)
  return origin === PROGRAM ? null : origin
}

function originOf(place: string, {file, origins}: Gathered): string {
  if (place.startsWith('NPUBRIDGE_')) return 'the environment'
  for (const [path, origin] of origins) {
    if (place === path || place.startsWith(`${path}.`) || place.startsWith(`${path}[`)) return origin
  }

  if (file === null) return 'the configuration'
  return file.key === null ? file.file : `${file.file}#${file.key}`
}

/**
 * Where an OpenVINO runtime may be, in order of preference. Nothing is loaded here: what a candidate can really do is
 * found out by inspect.ts, in a child process.
 */
import {readdir, realpath, stat} from 'node:fs/promises'
import {createRequire} from 'node:module'
import path from 'node:path'

import {NpuBridgeError} from '../errors.ts'
import {sizeProblem} from '../install/files.ts'
import {type Paths, resolvePaths} from '../paths.ts'
import {lastLines, type RunProcess, runProcess} from '../process/run.ts'
import {type FoundLibrary, LEAST_VERSION, libraryIn, locateLibrary, problemOf} from './library.ts'
import {readManifest} from './manifest.ts'
import {pythonRuntime} from './python.ts'
import {readSelection} from './selection.ts'
import {compareVersions} from './wheel.ts'

export type RuntimeSource = 'environment' | 'explicit' | 'intel-dir' | 'managed' | 'openvino-node' | 'python' | 'system'

export interface RuntimeCandidate {
  readonly folder: string
  /** The C library; null when it is not where it should be. */
  readonly library: string | null
  readonly source: RuntimeSource
  /** Null when nothing but loading it would tell. */
  readonly version: string | null
  /** Why it cannot be used; null when nothing speaks against it. */
  readonly problem: string | null
}

export interface DiscoverOptions {
  /** A folder that the user named; nothing else is looked at by {@link findRuntime} then. */
  readonly explicit?: string | undefined
  readonly env?: NodeJS.ProcessEnv
  readonly paths?: Paths
  readonly run?: RunProcess
  /** Where `openvino-node` would be resolved from. */
  readonly cwd?: string
  /** The parent of Intel's installation folders. */
  readonly intelRoot?: string
  /** Folders of the loader beyond those named in the environment. */
  readonly systemFolders?: () => Promise<string[]>
}

type Resolved = Pick<DiscoverOptions, 'explicit'> & Required<Omit<DiscoverOptions, 'explicit'>>

/** Every runtime of this machine, the most preferred first. One that is found twice is listed once. */
export async function discoverRuntimes(options: DiscoverOptions = {}): Promise<RuntimeCandidate[]> {
  const resolved = withDefaults(options)
  const found = await Promise.all(FINDERS.map(async (find) => find(resolved)))
  return withoutRepeats(found.flat(), new Set())
}

/**
 * Like {@link discoverRuntimes}, but looks at a place only when the candidates before it have been passed over.
 *
 * @yields {RuntimeCandidate} one candidate after the other
 */
export async function* eachRuntime(options: DiscoverOptions = {}): AsyncGenerator<RuntimeCandidate> {
  const seen = new Set<string>()
  const resolved = withDefaults(options)
  for (const find of FINDERS) yield* await withoutRepeats(await find(resolved), seen)
}

async function withoutRepeats(candidates: readonly RuntimeCandidate[], seen: Set<string>): Promise<RuntimeCandidate[]> {
  const identities = await Promise.all(
    candidates.map(async ({library, folder}) => realpath(library ?? folder).catch(() => folder)),
  )
  return candidates.filter((_, index) => {
    const isNew = !seen.has(identities[index]!)
    seen.add(identities[index]!)
    return isNew
  })
}

/**
 * The first runtime that nothing speaks against. One that was named, by `explicit` or NPUBRIDGE_RUNTIME, is a choice
 * of the user: if it cannot be used, no other is taken in its place.
 *
 * @throws {NpuBridgeError} RUNTIME_NOT_FOUND that tells what was found instead
 */
export async function findRuntime(options: DiscoverOptions = {}): Promise<RuntimeCandidate> {
  const passedOver: RuntimeCandidate[] = []
  for await (const candidate of eachRuntime(options)) {
    if (candidate.problem === null) return candidate
    if (candidate.source === 'explicit' || candidate.source === 'environment') throw unusable(candidate)
    passedOver.push(candidate)
  }

  throw notFound(passedOver)
}

/** The error for a runtime that the user chose and that cannot be used. */
export function unusable({folder, problem, source}: RuntimeCandidate): NpuBridgeError {
  const chosenBy = source === 'environment' ? ' that NPUBRIDGE_RUNTIME names' : ''
  return new NpuBridgeError('RUNTIME_NOT_FOUND', `The runtime in ${folder}${chosenBy} cannot be used: ${problem}.`, {
    suggestions: [
      source === 'environment'
        ? 'Let npubridge choose: unset NPUBRIDGE_RUNTIME'
        : 'Install one that works: npubridge setup',
      `Or name a folder that holds OpenVINO ${LEAST_VERSION} or newer.`,
    ],
  })
}

function notFound(passedOver: readonly RuntimeCandidate[]): NpuBridgeError {
  const found = passedOver.map(({folder, problem}) => `\n  ${folder}: ${problem}`).join('')
  return new NpuBridgeError(
    'RUNTIME_NOT_FOUND',
    `No usable OpenVINO runtime was found (${LEAST_VERSION} or newer is needed).${found}`,
    {suggestions: ['npubridge setup', 'Use one that is installed: npubridge setup --runtime DIR']},
  )
}

function withDefaults(options: DiscoverOptions): Resolved {
  const env = options.env ?? process.env
  return {
    explicit: options.explicit,
    env,
    paths: options.paths ?? resolvePaths(env),
    run: options.run ?? runProcess,
    cwd: options.cwd ?? process.cwd(),
    intelRoot: options.intelRoot ?? '/opt/intel',
    systemFolders: options.systemFolders ?? (async () => systemFolders(options.run ?? runProcess)),
  }
}

async function named({explicit, env}: Resolved): Promise<RuntimeCandidate[]> {
  const candidates: RuntimeCandidate[] = []
  if (explicit) candidates.push(await atPlace(explicit, 'explicit'))
  if (env.NPUBRIDGE_RUNTIME) candidates.push(await atPlace(env.NPUBRIDGE_RUNTIME, 'environment'))
  return candidates
}

async function managed({paths}: Resolved): Promise<RuntimeCandidate[]> {
  const selected = await readSelection(paths.runtimes)
  const names = await readdir(paths.runtimes).catch(() => [])
  const versions = names.flatMap((name) => /^openvino-(\d+(?:\.\d+)*)$/.exec(name)?.[1] ?? [])
  const newestFirst = versions.toSorted((a, b) => compareVersions(b, a))
  return Promise.all([
    ...(selected === null ? [] : [atPlace(selected, 'managed')]),
    ...newestFirst.map(async (version) => managedRuntime(path.join(paths.runtimes, `openvino-${version}`))),
  ])
}

/** A folder that `setup` made knows what belongs in it. */
export async function managedRuntime(folder: string): Promise<RuntimeCandidate> {
  const candidate = await atPlace(folder, 'managed')
  const manifest = await readManifest(folder)
  const damage = manifest ? await sizeProblem(folder, manifest.files) : 'its runtime.json is missing or damaged'
  return {...candidate, version: manifest?.version ?? candidate.version, problem: damage ?? candidate.problem}
}

async function python({run}: Resolved): Promise<RuntimeCandidate[]> {
  const found = await pythonRuntime(run)
  if (!found) return []
  const candidate = await atPlace(found.folder, 'python')
  return [{...candidate, version: candidate.version ?? found.version}]
}

async function openvinoNode({cwd}: Resolved): Promise<RuntimeCandidate[]> {
  for (const base of [path.join(cwd, 'package.json'), import.meta.url]) {
    try {
      const manifest = createRequire(base).resolve('openvino-node/package.json')
      return [await atPlace(path.join(path.dirname(manifest), 'bin'), 'openvino-node')]
    } catch {
      // Not installed there.
    }
  }

  return []
}

async function intelFolders({env, intelRoot}: Resolved): Promise<RuntimeCandidate[]> {
  const installed = (await readdir(intelRoot).catch(() => [])).filter((name) => name.startsWith('openvino'))
  const newestFirst = installed.toSorted((a, b) => b.localeCompare(a, 'en', {numeric: true}))
  const folders = [env.INTEL_OPENVINO_DIR, ...newestFirst.map((name) => path.join(intelRoot, name))]
  const present = folders.filter((folder) => folder !== undefined && folder !== '')
  return Promise.all(present.map(async (folder) => atPlace(folder!, 'intel-dir')))
}

async function loaderFolders({env, systemFolders: more}: Resolved): Promise<RuntimeCandidate[]> {
  const variable = {darwin: 'DYLD_LIBRARY_PATH', win32: 'PATH'}[process.platform as string] ?? 'LD_LIBRARY_PATH'
  const folders = [...(env[variable] ?? '').split(path.delimiter).filter(Boolean), ...(await more())]
  const found = await Promise.all([...new Set(folders)].map(async (folder) => libraryIn(folder)))
  return Promise.all(found.filter((library) => library !== null).map(async (library) => asCandidate(library, 'system')))
}

/** Folders in which the loader finds the library, by its own cache; the usual ones where it keeps none. */
async function systemFolders(run: RunProcess): Promise<string[]> {
  if (process.platform === 'win32') return []
  if (process.platform === 'darwin') return ['/usr/local/lib', '/opt/homebrew/lib']
  const cache = await run('/sbin/ldconfig', ['-p'])
  const files = lastLines(cache.stdout, Number.MAX_SAFE_INTEGER).flatMap(
    (line) => /libopenvino_c\.so\S* .*=> (\S+)$/.exec(line)?.[1] ?? [],
  )
  return [...files.map((file) => path.dirname(file)), '/usr/local/lib', '/usr/lib64', '/usr/lib']
}

/** What is at a place that somebody named: a folder that holds the libraries somewhere, or the C library itself. */
export async function atPlace(place: string, source: RuntimeSource): Promise<RuntimeCandidate> {
  const absolute = path.resolve(place)
  const stats = await stat(absolute).catch(() => null)
  const folder = stats?.isFile() ? path.dirname(absolute) : absolute
  const found = await locateLibrary(folder)
  if (found) return asCandidate(found, source)
  const problem = stats ? 'it holds no OpenVINO C library (libopenvino_c)' : 'there is no such folder'
  return {folder, library: null, source, version: null, problem}
}

async function asCandidate(found: FoundLibrary, source: RuntimeSource): Promise<RuntimeCandidate> {
  return {...found, source, problem: await problemOf(found)}
}

/** In the order of preference. */
const FINDERS = [named, managed, python, openvinoNode, intelFolders, loaderFolders] as const

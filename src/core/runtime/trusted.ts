/**
 * What an earlier child process found out about a runtime, for as long as nothing that it depends on has changed:
 * asking again would cost every command a second process.
 */
import {createHash} from 'node:crypto'
import {access, constants, mkdir, readdir, readFile, realpath, rm, stat} from 'node:fs/promises'
import {uptime} from 'node:os'
import path from 'node:path'
import writeFileAtomic from 'write-file-atomic'
import {z} from 'zod'

import {readJsonFile} from '../install/json-file.ts'
import {resolvePaths} from '../paths.ts'
import {type InspectOptions, inspectRuntime} from './inspect.ts'
import {libraryIn} from './library.ts'
import {type RuntimeReport, runtimeReportSchema} from './report.ts'

/** Raised when what is stored, or what a probe looks at, changes its meaning. */
const SCHEMA = 1

/** A file under a temporary name that is older than this belongs to a process that was killed while it wrote. */
const ABANDONED_AFTER_MS = 60_000

const DRIVER_LIBRARIES = ['libze_loader.so.1', 'libze_intel_npu.so.1', 'libze_intel_vpu.so.1']

export interface TrustOptions extends InspectOptions {
  readonly cacheFolder?: string
  readonly env?: NodeJS.ProcessEnv
}

const entrySchema = z.object({key: z.string(), report: runtimeReportSchema})

/**
 * The devices of the runtime in `folder`, from the cache if runtime, NPU driver, access to the device nodes and boot
 * are what they were, else by {@link inspectRuntime}. A failure is not kept.
 *
 * @throws {Error} like {@link inspectRuntime}
 */
export async function trustedDevices(folder: string, options: TrustOptions = {}): Promise<RuntimeReport> {
  const known = await recallReport(folder, options)
  if (known && (!options.functionalTest || known.tests)) return known
  const report = await inspectRuntime(folder, options)
  await rememberReport(folder, report, options)
  return report
}

/** What is known of the runtime in `folder` without asking it; null when nothing is, or it may have changed. */
export async function recallReport(folder: string, options: TrustOptions = {}): Promise<RuntimeReport | null> {
  const entry = await readJsonFile(fileFor(folder, options), entrySchema)
  return entry?.key === (await keyOf(folder, options)) ? entry.report : null
}

/** Keeps `report` for {@link recallReport}. The cache only saves time, so failing to write it is no error. */
export async function rememberReport(folder: string, report: RuntimeReport, options: TrustOptions = {}): Promise<void> {
  try {
    const file = fileFor(folder, options)
    await mkdir(path.dirname(file), {recursive: true})
    await writeFileAtomic(file, JSON.stringify({key: await keyOf(folder, options), report}))
    await removeAbandoned(path.dirname(file))
  } catch {
    // The next command asks the runtime again.
  }
}

/** Removes what killed processes began to write in `cacheFolder`. */
async function removeAbandoned(cacheFolder: string): Promise<void> {
  const names = await readdir(cacheFolder)
  const begun = names.filter((name) => /^probe-\w+\.json\.\d+$/.test(name)).map((name) => path.join(cacheFolder, name))
  const oldest = Date.now() - ABANDONED_AFTER_MS
  for (const file of begun) {
    if ((await stat(file)).mtimeMs < oldest) await rm(file, {force: true})
  }
}

function fileFor(folder: string, {cacheFolder, env}: TrustOptions): string {
  const name = createHash('sha256').update(path.resolve(folder)).digest('hex').slice(0, 16)
  return path.join(cacheFolder ?? resolvePaths(env).cache, `probe-${name}.json`)
}

async function keyOf(folder: string, {env = process.env}: TrustOptions): Promise<string> {
  const found = await libraryIn(folder)
  const library = found ? await realpath(found.library) : null
  return JSON.stringify({
    schema: SCHEMA,
    library,
    version: found?.version,
    modified: library ? (await stat(library)).mtimeMs : null,
    drivers: await driverFiles(env),
    nodes: await reachableNodes(),
    boot: await bootId(),
  })
}

/** The libraries through which a runtime reaches an NPU, with the time of their last change. */
async function driverFiles(env: NodeJS.ProcessEnv): Promise<string[]> {
  const folders = [
    ...(env.LD_LIBRARY_PATH ?? '').split(':').filter(Boolean),
    '/lib/x86_64-linux-gnu',
    '/usr/lib/x86_64-linux-gnu',
    '/lib',
    '/usr/lib',
    '/lib64',
    '/usr/lib64',
    '/usr/local/lib',
  ]
  const files = folders.flatMap((folder) => DRIVER_LIBRARIES.map((name) => path.join(folder, name)))
  const found = await Promise.all(files.map(async (file) => changeOf(file)))
  return found.filter((entry) => entry !== null)
}

async function changeOf(file: string): Promise<string | null> {
  return stat(file)
    .then(({mtimeMs}) => `${file}@${mtimeMs}`)
    .catch(() => null)
}

/** Device nodes and whether this user may open them, which changes with groups and not with a boot. */
async function reachableNodes(): Promise<string[]> {
  const nodes = await readdir('/dev/accel').catch(() => [])
  return Promise.all(nodes.map(async (name) => `${name}:${await isOpenToUs(path.join('/dev/accel', name))}`))
}

async function isOpenToUs(file: string): Promise<boolean> {
  return access(file, constants.R_OK | constants.W_OK)
    .then(() => true)
    .catch(() => false)
}

async function bootId(): Promise<string> {
  const linux = await readFile('/proc/sys/kernel/random/boot_id', 'utf8').catch(() => null)
  if (linux) return linux.trim()
  const bootedAt = Date.now() - uptime() * 1000
  return `minute ${Math.round(bootedAt / 60_000)}`
}

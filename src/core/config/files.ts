/** Where a configuration is written: `npubridge.config.json`, `npubridge.config.yaml`, or `npubridge` in package.json. */
import {readFile, stat} from 'node:fs/promises'
import path from 'node:path'
import {parseDocument} from 'yaml'

import {EXIT, NpuBridgeError} from '../errors.ts'
import {showValue} from '../run/fields.ts'

export const CONFIG_FILES = ['npubridge.config.json', 'npubridge.config.yaml', 'npubridge.config.yml'] as const
const PACKAGE = 'package.json'
const PACKAGE_KEY = 'npubridge'

/** What a file sets. */
export interface ConfigFile {
  /** Absolute. */
  readonly file: string
  /** The part of the file that is the configuration; null for all of it. */
  readonly key: null | string
  /** As written, without keys that begin with a dollar. */
  readonly values: Readonly<Record<string, unknown>>
}

/**
 * The configuration of the project that `folder` is in: of the nearest folder that has one, up to the first that has a
 * package.json or is under version control.
 *
 * @throws {NpuBridgeError} CONFIG_INVALID when a folder has several, or one that cannot be read
 */
export async function findConfigFile(folder: string): Promise<ConfigFile | null> {
  for (let at = path.resolve(folder); ; at = path.dirname(at)) {
    const found = await configFilesIn(at)
    if (found.length > 1) {
      const names = found.map(({file, key}) => (key ? `${path.basename(file)}#${key}` : path.basename(file)))
      throw new NpuBridgeError('CONFIG_INVALID', `${at} has several configurations: ${names.join(' and ')}`, {
        exitCode: EXIT.usage,
        suggestions: ['Keep one of them.', `Name the one that counts: --config ${found[0]!.file}`],
      })
    }

    if (found[0]) return found[0]
    const isRoot = (await exists(path.join(at, PACKAGE))) || (await exists(path.join(at, '.git')))
    if (isRoot || at === path.dirname(at)) return null
  }
}

async function configFilesIn(folder: string): Promise<ConfigFile[]> {
  const found: ConfigFile[] = []
  for (const name of CONFIG_FILES) {
    const file = path.join(folder, name)
    if (await exists(file)) found.push(await readConfigFile(file))
  }

  const own = path.join(folder, PACKAGE)
  if (!(await exists(own))) return found
  const inPackage = await readPackage(own)
  return inPackage ? [...found, inPackage] : found
}

/** @throws {NpuBridgeError} CONFIG_INVALID when the file cannot be read or is no object */
export async function readConfigFile(file: string): Promise<ConfigFile> {
  const absolute = path.resolve(file)
  if (path.basename(absolute) === PACKAGE) {
    const inPackage = await readPackage(absolute)
    if (inPackage) return inPackage
    throw invalid(`${file} has no ${PACKAGE_KEY}`)
  }

  const content = parse(await textOf(absolute), absolute)
  return {file: absolute, key: null, values: valuesOf(content, absolute)}
}

/** A package.json that cannot be read is somebody else's concern. */
async function readPackage(file: string): Promise<ConfigFile | null> {
  let content: unknown
  try {
    content = JSON.parse(await readFile(file, 'utf8'))
  } catch {
    return null
  }

  const values = (content as Record<string, unknown> | null)?.[PACKAGE_KEY]
  return values === undefined ? null : {file, key: PACKAGE_KEY, values: valuesOf(values, `${file}#${PACKAGE_KEY}`)}
}

function parse(text: string, file: string): unknown {
  if (/\.ya?ml$/i.test(file)) {
    const document = parseDocument(text, {prettyErrors: true})
    const [error] = document.errors
    if (error) throw invalid(`${file} is not YAML: ${error.message.split('\n', 1)[0]!}`, error)
    return document.toJS({maxAliasCount: 100}) ?? {}
  }

  try {
    return JSON.parse(text)
  } catch (error) {
    throw invalid(`${file} is not JSON: ${(error as Error).message}`, error)
  }
}

function valuesOf(content: unknown, where: string): Record<string, unknown> {
  if (typeof content !== 'object' || content === null || Array.isArray(content)) {
    throw invalid(`${where} is ${showValue(content)}, a configuration is an object`)
  }

  return Object.fromEntries(Object.entries(content).filter(([key]) => !key.startsWith('$')))
}

async function textOf(file: string): Promise<string> {
  try {
    return await readFile(file, 'utf8')
  } catch (error) {
    const {code, message} = error as NodeJS.ErrnoException
    throw invalid(code === 'ENOENT' ? `there is no file ${file}` : `${file} cannot be read: ${message}`, error)
  }
}

async function exists(file: string): Promise<boolean> {
  try {
    await stat(file)
    return true
  } catch {
    return false
  }
}

function invalid(message: string, cause?: unknown): NpuBridgeError {
  return new NpuBridgeError('CONFIG_INVALID', message, {
    cause,
    exitCode: EXIT.usage,
    suggestions: ['npubridge config init    writes one to start from'],
  })
}

import type {Buffer} from 'node:buffer'

import {execa, type Options} from 'execa'
import {randomBytes} from 'node:crypto'
import {
  accessSync,
  chmodSync,
  chownSync,
  closeSync,
  constants,
  type Dirent,
  fchmodSync,
  fchownSync,
  fsyncSync,
  futimesSync,
  lstatSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  realpathSync,
  renameSync,
  rmdirSync,
  type Stats,
  unlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs'
import {hostname} from 'node:os'

import {
  type Clock,
  type Effects,
  errorCode,
  type FileAttributes,
  type FileStat,
  type FileSystem,
  type Host,
  type ProcessOptions,
  type ProcessResult,
  type ProcessRunner,
} from './effects.ts'

const PERMISSION_BITS = 0o7777

function kindOf(entry: Dirent | Stats): FileStat['kind'] {
  if (entry.isFile()) return 'file'
  if (entry.isDirectory()) return 'folder'
  return entry.isSymbolicLink() ? 'symlink' : 'other'
}

function createFile(path: string, content: Buffer, attributes: FileAttributes = {}): void {
  const file = openSync(path, 'wx', 0o666)
  try {
    writeFileSync(file, content)
    // The owner first: changing it clears the set-id bits of the mode.
    if (attributes.uid !== undefined && attributes.gid !== undefined) fchownSync(file, attributes.uid, attributes.gid)
    if (attributes.mode !== undefined) fchmodSync(file, attributes.mode)
    if (attributes.mtimeMs !== undefined) futimesSync(file, Date.now() / 1000, attributes.mtimeMs / 1000)
    fsyncSync(file)
  } finally {
    closeSync(file)
  }
}

function syncFolder(path: string): void {
  // Windows cannot open a folder; there the names are written with the file system's own journal.
  if (process.platform === 'win32') return
  const folder = openSync(path, constants.O_RDONLY)
  try {
    fsyncSync(folder)
  } finally {
    closeSync(folder)
  }
}

/** Nothing is also what stands below a path that is a file. */
function statOrNothing(path: string): Stats | undefined {
  try {
    return lstatSync(path, {throwIfNoEntry: false})
  } catch (error) {
    if (errorCode(error) === 'ENOTDIR') return undefined
    throw error
  }
}

export const nodeFileSystem: FileSystem = {
  readFile: (path) => readFileSync(path),
  list: (path) => readdirSync(path, {withFileTypes: true}).map((entry) => ({name: entry.name, kind: kindOf(entry)})),
  stat(path) {
    const stat = statOrNothing(path)
    if (!stat) return null
    const {size, uid, gid, nlink: links, mtimeMs} = stat
    return {kind: kindOf(stat), size, mode: stat.mode & PERMISSION_BITS, uid, gid, links, mtimeMs}
  },
  realPath: (path) => realpathSync(path),
  readLink: (path) => readlinkSync(path),
  mayWrite(path) {
    try {
      accessSync(path, constants.W_OK)
      return true
    } catch {
      // The question was whether, and this is the answer no.
      return false
    }
  },
  createFile,
  setAttributes(path, attributes) {
    if (attributes.uid !== undefined && attributes.gid !== undefined) chownSync(path, attributes.uid, attributes.gid)
    if (attributes.mode !== undefined) chmodSync(path, attributes.mode)
    if (attributes.mtimeMs !== undefined) utimesSync(path, Date.now() / 1000, attributes.mtimeMs / 1000)
  },
  rename(from, to) {
    renameSync(from, to)
  },
  removeFile(path) {
    unlinkSync(path)
  },
  makeFolder(path) {
    mkdirSync(path)
  },
  removeFolder(path) {
    rmdirSync(path)
  },
  syncFolder,
}

/** Output beyond this is cut: a verify command may print for hours. In characters. */
const MAX_OUTPUT = 16 * 1024 * 1024

async function runProcess(file: string, args: readonly string[], options: ProcessOptions & {shell?: boolean}) {
  const settings: Options = {
    reject: false,
    maxBuffer: MAX_OUTPUT,
    stripFinalNewline: false,
    ...(options.shell && {shell: true}),
    ...(options.cwd !== undefined && {cwd: options.cwd}),
    ...(options.env !== undefined && {env: options.env}),
    ...(options.input === undefined ? {stdin: 'ignore' as const} : {input: options.input}),
    ...(options.timeoutMs !== undefined && {timeout: options.timeoutMs}),
    ...(options.signal !== undefined && {cancelSignal: options.signal}),
  }
  const result = await execa(file, [...args], settings)
  const ended: ProcessResult = {
    exitCode: result.exitCode ?? null,
    stdout: typeof result.stdout === 'string' ? result.stdout : '',
    stderr: typeof result.stderr === 'string' ? result.stderr : '',
    problem: result.exitCode === undefined ? (result.shortMessage ?? 'did not run') : null,
    missing: result.code === 'ENOENT',
  }
  return ended
}

export const nodeProcesses: ProcessRunner = {
  run: async (command, args, options = {}) => runProcess(command, args, options),
  shell: async (line, options = {}) => runProcess(line, [], {...options, shell: true}),
}

export const nodeClock: Clock = {
  now: () => new Date(),
  random: (digits) =>
    randomBytes(Math.ceil(digits / 2))
      .toString('hex')
      .slice(0, digits),
}

/** A file of /proc, which other systems than Linux do not have. */
function readProc(path: string): string | null {
  try {
    return readFileSync(path, 'utf8')
  } catch (error) {
    if (errorCode(error) === undefined) throw error
    return null
  }
}

/**
 * Field 22 of /proc/<pid>/stat, the start in clock ticks since boot; the name in field 2 may contain anything, `)` too.
 * A zombie holds nothing any more and counts as gone.
 */
function startOf(pid: number): string | null {
  const text = readProc(`/proc/${pid}/stat`)
  const fields = text?.slice(text.lastIndexOf(')') + 2).split(' ') ?? []
  return fields[0] === 'Z' ? null : (fields[19] ?? null)
}

export function nodeHost(): Host {
  return {
    pid: process.pid,
    name: hostname(),
    bootId: readProc('/proc/sys/kernel/random/boot_id')?.trim() ?? null,
    startOf,
    isAlive(pid) {
      try {
        process.kill(pid, 0)
        return true
      } catch (error) {
        return errorCode(error) === 'EPERM'
      }
    },
  }
}

/** The real world. */
export function nodeEffects(): Effects {
  return {fs: nodeFileSystem, processes: nodeProcesses, clock: nodeClock, host: nodeHost(), env: process.env}
}

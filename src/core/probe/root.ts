import {Buffer} from 'node:buffer'
import {
  accessSync,
  closeSync,
  constants,
  fstatSync,
  lstatSync,
  openSync,
  readdirSync,
  readlinkSync,
  readSync,
  type Stats,
} from 'node:fs'
/**
 * One view of a file system for every reading of the probe: the running machine, a mounted image, or a captured
 * snapshot. What is read was written by nobody we trust, so links are resolved inside the root as chroot would,
 * anything but regular files is refused, sizes are limited and control characters never reach a terminal.
 */
import path from 'node:path'

import {readKernelLog} from './kernel-log.ts'
import {type Machine, runningMachine} from './machine.ts'
import {attempt, isValue, printable, type Reading, unreadableReason} from './reading.ts'

export type EntryKind = 'block' | 'character' | 'file' | 'folder' | 'link' | 'other'

/** What a file is, without following it. `mode` has the permission bits alone. */
export interface Entry {
  readonly kind: EntryKind
  readonly mode: number
  readonly uid: number
  readonly gid: number
  readonly links: number
  readonly size: number
  /** "major:minor" of a device node. */
  readonly device: string | null
}

export interface Root {
  /** Whether this is the running machine, so that programs may be asked too. */
  readonly live: boolean
  /** The folder that stands for `/`. */
  readonly folder: string
  /** What is known beside files: kernel, user, environment. */
  readonly machine: Machine
  /** The whole of a text file of at most `limit` bytes; control characters are replaced. The limit is 1 MiB unless told. */
  text(file: string, limit?: number): Reading<string>
  /** Up to `length` bytes from `offset`; a negative offset counts from the end. */
  bytes(file: string, offset: number, length: number): Reading<Buffer>
  /** Names in a folder, sorted; at most 8,192. */
  list(folder: string): Reading<readonly string[]>
  /** A link's target as it is written. */
  link(file: string): Reading<string>
  /** The path inside the root with every link resolved. */
  canonical(file: string): Reading<string>
  entry(file: string): Reading<Entry>
  /** Whether this process may read and write it, asked of the kernel, so that ACLs count. */
  access(file: string): Reading<boolean>
  /** Lines of the kernel's log of this boot. */
  kernelLog(): Reading<readonly string[]>
}

const MEBIBYTE = 1 << 20
const MAX_LINKS = 40
const MAX_ENTRIES = 8192
const CHUNK = 1 << 16

export class FolderRoot implements Root {
  readonly folder: string
  readonly machine: Machine

  get live(): boolean {
    return false
  }

  constructor(folder: string, machine: Machine) {
    this.folder = path.resolve(folder)
    this.machine = machine
  }

  text(file: string, limit: number = MEBIBYTE): Reading<string> {
    return attempt(file, () => {
      const bytes = this.#read(file, 0, limit + 1)
      if (bytes.length > limit) throw new Error(`larger than ${limit} bytes, not read`)
      return printable(bytes.toString('utf8'))
    })
  }

  bytes(file: string, offset: number, length: number): Reading<Buffer> {
    return attempt(file, () => this.#read(file, offset, length))
  }

  list(folder: string): Reading<readonly string[]> {
    return attempt(folder, () => readdirSync(this.#resolve(folder, true)).toSorted().slice(0, MAX_ENTRIES))
  }

  link(file: string): Reading<string> {
    return attempt(file, () => printable(readlinkSync(this.#resolve(file, false))))
  }

  canonical(file: string): Reading<string> {
    return attempt(file, () => {
      const real = this.#resolve(file, true)
      lstatSync(real)
      return `/${path.relative(this.folder, real).split(path.sep).join('/')}`
    })
  }

  entry(file: string): Reading<Entry> {
    return attempt(file, () => describe(lstatSync(this.#resolve(file, false))))
  }

  access(file: string): Reading<boolean> {
    return {detail: `${file}: only the machine itself can tell`, unreadable: 'broken'}
  }

  kernelLog(): Reading<readonly string[]> {
    for (const file of ['/var/log/dmesg', '/var/log/kern.log']) {
      const tail = this.bytes(file, -MEBIBYTE, MEBIBYTE)
      if (isValue(tail)) return {value: printable(tail.value.toString('utf8')).split('\n')}
    }

    return {detail: 'no kernel log in this root', unreadable: 'absent'}
  }

  /** Walks `file` one name at a time, so that no link can lead out of the root. Gives the path on the real machine. */
  protected resolveInside(file: string, isFollowed: boolean): string {
    return this.#resolve(file, isFollowed)
  }

  #resolve(file: string, isFollowed: boolean): string {
    const ahead = names(file).toReversed()
    const done: string[] = []
    let links = 0
    while (ahead.length > 0) {
      const name = ahead.pop()!
      if (name === '..') {
        done.pop()
        continue
      }

      done.push(name)
      const here = path.join(this.folder, ...done)
      if (!isFollowed && ahead.length === 0) return here
      if (!lstatSync(here).isSymbolicLink()) continue
      links += 1
      if (links > MAX_LINKS) throw new Error('too many links, perhaps a loop')
      const target = readlinkSync(here)
      done.pop()
      if (target.startsWith('/')) done.length = 0
      ahead.push(...names(target).toReversed())
    }

    return path.join(this.folder, ...done)
  }

  #read(file: string, offset: number, length: number): Buffer {
    // Without O_NONBLOCK a FIFO in an image would hang the probe.
    const flags = constants.O_RDONLY | (constants.O_NONBLOCK ?? 0) | (constants.O_NOFOLLOW ?? 0)
    const descriptor = openSync(this.#resolve(file, true), flags)
    try {
      const status = fstatSync(descriptor)
      if (!status.isFile()) throw new Error('not a regular file')
      return readUpTo(descriptor, offset < 0 ? Math.max(0, status.size + offset) : offset, length)
    } finally {
      closeSync(descriptor)
    }
  }
}

/** The running machine: files as they are, and what only a live kernel can tell. */
export class LiveRoot extends FolderRoot {
  constructor(machine: Machine = runningMachine()) {
    super('/', machine)
  }

  override get live(): boolean {
    return true
  }

  override access(file: string): Reading<boolean> {
    const real = attempt(file, () => this.resolveInside(file, true))
    if (!isValue(real)) return real
    try {
      accessSync(real.value, constants.R_OK | constants.W_OK)
      return {value: true}
    } catch (error) {
      return unreadableReason(error) === 'denied' ? {value: false} : attempt(file, () => raise(error))
    }
  }

  override kernelLog(): Reading<readonly string[]> {
    return readKernelLog()
  }
}

function raise(error: unknown): never {
  throw error
}

function names(file: string): string[] {
  return file.split('/').filter((name) => name !== '' && name !== '.')
}

/** Files of /proc and /sys say size 0 or 4096 whatever they hold, so reading goes on until the end or the limit. */
function readUpTo(descriptor: number, offset: number, length: number): Buffer {
  const chunks: Buffer[] = []
  let total = 0
  while (total < length) {
    const chunk = Buffer.allocUnsafe(Math.min(CHUNK, length - total))
    const count = readSync(descriptor, chunk, 0, chunk.length, offset + total)
    if (count === 0) break
    chunks.push(chunk.subarray(0, count))
    total += count
  }

  return Buffer.concat(chunks, total)
}

const KINDS = [
  ['isFile', 'file'],
  ['isDirectory', 'folder'],
  ['isSymbolicLink', 'link'],
  ['isCharacterDevice', 'character'],
  ['isBlockDevice', 'block'],
] as const

function describe(status: Stats): Entry {
  const kind = KINDS.find(([is]) => status[is]())?.[1] ?? 'other'
  const isNode = kind === 'character' || kind === 'block'
  return {
    kind,
    mode: status.mode & 0o7777,
    uid: status.uid,
    gid: status.gid,
    links: status.nlink,
    size: status.size,
    device: isNode ? deviceNumber(status.rdev) : null,
  }
}

/** Linux packs a device number as its makedev macro does; 32 bits of it suffice for every node there is. */
function deviceNumber(rdev: number): string {
  const major = (rdev >>> 8) & 0xf_ff
  const minor = (rdev & 0xff) | ((rdev >>> 12) & 0xf_ff_00)
  return `${major}:${minor}`
}

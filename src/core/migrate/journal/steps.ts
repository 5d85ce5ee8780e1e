import path from 'node:path'

import type {FileStep, FolderStep} from './schema.ts'

import {NpuBridgeError} from '../../errors.ts'
import {type Effects, errorCode, type FileStat, type FileSystem} from '../effects.ts'
import {sha256} from '../hash.ts'
import {attributesOf} from './stage.ts'

/**
 * What a step has done to the tree, told by looking at the tree: `before` and `after` by hash, `other` when somebody
 * else has been there.
 */
export type StepPlace = 'after' | 'before' | 'other'

/** Python compares the whole seconds of a source's time with those in its cache. */
const SECOND_MS = 1000

/**
 * A time for a file that takes the place of `previous`: in a later second, always. Python may have cached the old source
 * under the old time while the new one was being put in place; with times that never return, no such cache is believed.
 */
function laterThan(previous: FileStat | null, now: Date): number {
  const next = previous ? (Math.floor(previous.mtimeMs / SECOND_MS) + 1) * SECOND_MS : 0
  return Math.max(now.getTime(), next)
}

/** Applies and undoes single file steps. Each may be called again after a crash at any point in it. */
export class FileSteps {
  readonly #fs: FileSystem
  readonly #effects: Effects
  readonly #root: string
  /** The journal's folder. */
  readonly #folder: string
  readonly #id: string

  constructor(effects: Effects, root: string, folder: string) {
    this.#fs = effects.fs
    this.#effects = effects
    this.#root = root
    this.#folder = folder
    this.#id = path.basename(folder)
  }

  place(step: FileStep | FolderStep): StepPlace {
    const stat = this.#fs.stat(this.#absolute(step.path))
    if (step.type === 'folder') return stat === null ? 'before' : stat.kind === 'folder' ? 'after' : 'other'
    if (stat === null) return step.before === null ? 'before' : 'other'
    if (stat.kind !== 'file') return 'other'
    const hash = sha256(this.#fs.readFile(this.#absolute(step.path)))
    if (hash === step.after.sha256) return 'after'
    return hash === step.before?.sha256 ? 'before' : 'other'
  }

  /** Whether the new content has not left the journal's folder yet. */
  isWaiting(step: FileStep): boolean {
    return this.#fs.stat(path.join(this.#folder, step.staged)) !== null
  }

  apply(step: FileStep | FolderStep): void {
    this.#clear(step)
    const place = this.place(step)
    if (place === 'after') return
    if (place === 'other') throw this.#edited(step)
    const absolute = this.#absolute(step.path)
    if (step.type === 'folder') {
      this.#fs.makeFolder(absolute)
      this.#sync(absolute)
      return
    }

    const staged = path.join(this.#folder, step.staged)
    const mtimeMs = laterThan(this.#fs.stat(absolute), this.#effects.clock.now())
    this.#fs.setAttributes(staged, {mtimeMs})
    this.#moveInto(staged, step)
    if (this.place(step) !== 'after') throw this.#edited(step)
  }

  undo(step: FileStep | FolderStep): void {
    this.#clear(step)
    const place = this.place(step)
    if (step.type === 'folder') {
      if (place === 'after') this.#removeFolderIfEmpty(step)
      return
    }

    if (place === 'before') return
    if (place === 'other') throw this.#edited(step)
    const absolute = this.#absolute(step.path)
    if (step.before === null || step.backup === null) {
      this.#fs.removeFile(absolute)
      this.#sync(absolute)
      return
    }

    // The copy itself goes back: that takes no space, so it works on a full disk, and it is not needed afterwards.
    const backup = path.join(this.#folder, step.backup)
    const mtimeMs = laterThan(this.#fs.stat(absolute), this.#effects.clock.now())
    this.#fs.setAttributes(backup, {...attributesOf(step.before), mtimeMs})
    this.#moveInto(backup, step)
  }

  #absolute(relative: string): string {
    return path.join(this.#root, relative)
  }

  #sync(absolute: string): void {
    this.#fs.syncFolder(path.dirname(absolute))
  }

  /** Where a file waits on its own file system when the journal's is another one. */
  #beside(step: FileStep): string {
    const absolute = this.#absolute(step.path)
    return path.join(path.dirname(absolute), `.${path.basename(absolute)}.npubridge-${this.#id}`)
  }

  /** Removes what a crash inside this very step may have left. */
  #clear(step: FileStep | FolderStep): void {
    if (step.type === 'folder') return
    const leftover = this.#beside(step)
    if (this.#fs.stat(leftover)) this.#fs.removeFile(leftover)
  }

  #copy(from: string, to: string): void {
    const {mode, uid, gid, mtimeMs} = this.#fs.stat(from)!
    this.#fs.createFile(to, this.#fs.readFile(from), {mode, uid, gid, mtimeMs})
  }

  /** Atomically: whoever opens the path gets the old file or the new one. */
  #moveInto(file: string, step: FileStep): void {
    const absolute = this.#absolute(step.path)
    try {
      this.#fs.rename(file, absolute)
    } catch (error) {
      if (errorCode(error) !== 'EXDEV') throw error
      const beside = this.#beside(step)
      this.#copy(file, beside)
      this.#fs.rename(beside, absolute)
      this.#fs.removeFile(file)
    }

    this.#sync(absolute)
    this.#fs.syncFolder(this.#folder)
  }

  #removeFolderIfEmpty(step: FolderStep): void {
    const absolute = this.#absolute(step.path)
    try {
      this.#fs.removeFolder(absolute)
      this.#sync(absolute)
    } catch (error) {
      // Somebody put something in it: it is theirs now.
      if (!['EEXIST', 'ENOTEMPTY'].includes(errorCode(error) ?? '')) throw error
    }
  }

  #edited(step: FileStep | FolderStep): NpuBridgeError {
    return new NpuBridgeError('INTERNAL', `${step.path} is neither as it was before nor as the migration left it`)
  }
}

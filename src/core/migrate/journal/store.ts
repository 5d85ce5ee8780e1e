import {Buffer} from 'node:buffer'
import path from 'node:path'

import type {Clock, Effects, FileSystem} from '../effects.ts'

import {NpuBridgeError} from '../../errors.ts'
import {Journal} from './journal.ts'
import {isUnfinished, JOURNAL, type JournalData} from './schema.ts'

/** Where a code base keeps what npubridge did to it; ignored by git as a whole. */
export const STATE_FOLDER = '.npubridge'

const JOURNAL_FILE = /^[0-9TZ]+-[0-9a-f]+\.json$/

/** A name that sorts by time and does not collide. */
export function migrationId(clock: Clock): string {
  return `${clock.now().toISOString().replaceAll(/[-:.]/g, '')}-${clock.random(6)}`
}

export class JournalStore {
  readonly #fs: FileSystem
  readonly #clock: Clock
  readonly root: string

  constructor(effects: Pick<Effects, 'clock' | 'fs'>, root: string) {
    this.#fs = effects.fs
    this.#clock = effects.clock
    this.root = root
  }

  get folder(): string {
    return path.join(this.root, STATE_FOLDER)
  }

  get migrations(): string {
    return path.join(this.folder, 'migrations')
  }

  /** Makes the folders, once. The .gitignore comes first, so that nothing in here ever shows up in `git status`. */
  prepare(): void {
    if (!this.#fs.stat(this.folder)) this.#fs.makeFolder(this.folder)
    const ignore = path.join(this.folder, '.gitignore')
    if (!this.#fs.stat(ignore)) this.#fs.createFile(ignore, Buffer.from('*\n'))
    if (!this.#fs.stat(this.migrations)) this.#fs.makeFolder(this.migrations)
    this.#fs.syncFolder(this.folder)
    this.#fs.syncFolder(this.root)
  }

  journal(data: JournalData): Journal {
    return new Journal(this.#fs, this.#clock, path.join(this.migrations, `${data.id}.json`), data)
  }

  /**
   * Oldest first.
   *
   * @throws {NpuBridgeError} CONFIG_INVALID naming the file when a journal cannot be understood: guessing at it could lose files.
   */
  list(): Journal[] {
    if (this.#fs.stat(this.migrations)?.kind !== 'folder') return []
    return this.#fs
      .list(this.migrations)
      .filter(({name}) => JOURNAL_FILE.test(name))
      .map(({name}) => name)
      .toSorted()
      .map((name) => this.#read(path.join(this.migrations, name)))
  }

  /** The one that a crash left behind, if any; there can be one only, for nothing new begins while there is one. */
  unfinished(): Journal | null {
    return this.list().find((journal) => isUnfinished(journal.data.state)) ?? null
  }

  /** The latest that is in effect. */
  latestDone(): Journal | null {
    return this.list().findLast((journal) => journal.data.state === 'done') ?? null
  }

  /** Removes staged and backed-up files that no journal needs any more. */
  sweep(): void {
    if (this.#fs.stat(this.migrations)?.kind !== 'folder') return
    const needed = new Set(
      this.list()
        .filter((journal) => journal.data.state !== 'rolled-back')
        .map((journal) => journal.id),
    )
    for (const {name, kind} of this.#fs.list(this.migrations)) {
      if (kind === 'folder' && !needed.has(name)) this.removeFolder(path.join(this.migrations, name))
      else if (name.endsWith('.tmp')) this.#fs.removeFile(path.join(this.migrations, name))
    }
  }

  /** A folder of ours with the files in it; these folders have no folders inside. */
  removeFolder(folder: string): void {
    for (const {name} of this.#fs.list(folder)) this.#fs.removeFile(path.join(folder, name))
    this.#fs.removeFolder(folder)
  }

  #read(file: string): Journal {
    let data: unknown
    try {
      data = JSON.parse(this.#fs.readFile(file).toString('utf8'))
    } catch (error) {
      throw unreadable(file, error instanceof Error ? error.message : String(error), error)
    }

    const parsed = JOURNAL.safeParse(data)
    if (!parsed.success) {
      const [issue] = parsed.error.issues
      throw unreadable(file, `${issue?.path.join('.') ?? ''}: ${issue?.message ?? ''}`, parsed.error)
    }

    return new Journal(this.#fs, this.#clock, file, parsed.data)
  }
}

function unreadable(file: string, why: string, cause: unknown): NpuBridgeError {
  return new NpuBridgeError('CONFIG_INVALID', `the journal ${file} cannot be understood: ${why}`, {
    cause,
    suggestions: [
      'restore it from a backup; the files beside it hold the originals',
      'or, when the tree is as you want it, move the journal away',
    ],
  })
}

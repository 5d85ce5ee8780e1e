import {Buffer} from 'node:buffer'
import path from 'node:path'

import type {Clock, FileSystem} from '../effects.ts'
import type {JournalData, JournalState, StepState} from './schema.ts'

/** A journal on disk. Every change of state is on the disk when the method returns. */
export class Journal {
  readonly #fs: FileSystem
  readonly #clock: Clock
  readonly #file: string
  #data: JournalData

  constructor(fs: FileSystem, clock: Clock, file: string, data: JournalData) {
    this.#fs = fs
    this.#clock = clock
    this.#file = file
    this.#data = data
  }

  get data(): JournalData {
    return this.#data
  }

  get id(): string {
    return this.#data.id
  }

  /** Holds the staged and the backed-up files. */
  get folder(): string {
    return this.#file.replace(/\.json$/, '')
  }

  /** The first write: from here on the migration exists. */
  create(): void {
    this.#write(this.#data)
  }

  enter(state: JournalState, reason: string | null = null): void {
    const at = this.#clock.now().toISOString()
    this.#write({
      ...this.#data,
      state,
      reason: reason ?? this.#data.reason,
      history: [...this.#data.history, {state, at}],
    })
  }

  markStep(index: number, state: StepState): void {
    this.#write({
      ...this.#data,
      steps: this.#data.steps.map((step, at) => (at === index ? {...step, state} : step)),
    })
  }

  /** Takes {@link create} back, for a migration that did not begin. */
  discard(): void {
    for (const file of [`${this.#file}.tmp`, this.#file]) if (this.#fs.stat(file)) this.#fs.removeFile(file)
  }

  /** Atomically: a reader sees the journal before or after this, never a part of it. */
  #write(data: JournalData): void {
    const temporary = `${this.#file}.tmp`
    if (this.#fs.stat(temporary)) this.#fs.removeFile(temporary)
    this.#fs.createFile(temporary, Buffer.from(`${JSON.stringify(data, null, 2)}\n`))
    this.#fs.rename(temporary, this.#file)
    this.#fs.syncFolder(path.dirname(this.#file))
    this.#data = data
  }
}

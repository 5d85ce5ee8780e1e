/** A root that passes every reading on and writes it down, so that a snapshot holds what a probe reads, and no more. */
import {Buffer} from 'node:buffer'
import path from 'node:path'

import type {Entry, Root} from './root.ts'

import {isDenied, isValue, type Reading, valueOf} from './reading.ts'

export interface Recording {
  /** Contents by path, every link on the way resolved. */
  readonly files: ReadonlyMap<string, Uint8Array>
  readonly folders: ReadonlySet<string>
  /** Where links lead in the end, by their own paths. */
  readonly links: ReadonlyMap<string, string>
  readonly nodes: ReadonlyMap<string, Entry>
  readonly access: ReadonlyMap<string, boolean>
  readonly denied: ReadonlySet<string>
}

export class RecordingRoot implements Root {
  readonly #root: Root
  readonly #files = new Map<string, Uint8Array>()
  readonly #folders = new Set<string>()
  readonly #links = new Map<string, string>()
  readonly #nodes = new Map<string, Entry>()
  readonly #access = new Map<string, boolean>()
  readonly #denied = new Set<string>()

  constructor(root: Root) {
    this.#root = root
  }

  get live(): boolean {
    return this.#root.live
  }

  get folder(): string {
    return this.#root.folder
  }

  get machine(): Root['machine'] {
    return this.#root.machine
  }

  get recording(): Recording {
    return {
      access: this.#access,
      denied: this.#denied,
      files: this.#files,
      folders: this.#folders,
      links: this.#links,
      nodes: this.#nodes,
    }
  }

  text(file: string, limit?: number): Reading<string> {
    const reading = this.#root.text(file, limit)
    if (isValue(reading)) this.#keep(file, Buffer.from(reading.value))
    return this.#note(file, reading)
  }

  bytes(file: string, offset: number, length: number): Reading<Buffer> {
    const reading = this.#root.bytes(file, offset, length)
    if (offset === 0 && isValue(reading)) this.#keep(file, reading.value)
    return this.#note(file, reading)
  }

  list(folder: string): Reading<readonly string[]> {
    const reading = this.#root.list(folder)
    if (isValue(reading)) this.#folders.add(this.#follow(folder))
    return this.#note(folder, reading)
  }

  link(file: string): Reading<string> {
    const reading = this.#root.link(file)
    if (isValue(reading)) this.#follow(file)
    return this.#note(file, reading)
  }

  canonical(file: string): Reading<string> {
    const reading = this.#root.canonical(file)
    if (isValue(reading)) this.#reach(this.#follow(file))
    return this.#note(file, reading)
  }

  entry(file: string): Reading<Entry> {
    const reading = this.#root.entry(file)
    if (isValue(reading)) this.#remember(file, reading.value)
    return this.#note(file, reading)
  }

  access(file: string): Reading<boolean> {
    const reading = this.#root.access(file)
    if (isValue(reading)) this.#access.set(file, reading.value)
    return this.#note(file, reading)
  }

  kernelLog(): Reading<readonly string[]> {
    return this.#root.kernelLog()
  }

  #note<T>(file: string, reading: Reading<T>): Reading<T> {
    if (isDenied(reading)) this.#denied.add(file)
    return reading
  }

  #keep(file: string, content: Uint8Array): void {
    const real = this.#follow(file)
    const known = this.#files.get(real)
    if (!known || known.length < content.length) this.#files.set(real, content)
  }

  /** What was found to exist, without its contents. */
  #reach(real: string): void {
    if (isValue(this.#root.list(real))) this.#folders.add(real)
    else if (!this.#files.has(real)) this.#files.set(real, new Uint8Array())
  }

  #remember(file: string, entry: Entry): void {
    if (entry.kind === 'file') this.#reach(this.#follow(file))
    else if (entry.kind !== 'folder') this.#nodes.set(file, entry)
  }

  /** The path with every link on the way resolved; each of them is written down with where it leads in the end. */
  #follow(file: string): string {
    let real = '/'
    const names = file.split('/').filter(Boolean)
    for (const name of names) {
      const here = path.posix.join(real, name)
      const target = isValue(this.#root.link(here)) ? valueOf(this.#root.canonical(here)) : null
      if (target !== null) this.#links.set(here, target)
      real = target ?? here
    }

    return real
  }
}

import {type Buffer} from 'node:buffer'

import type {FileAttributes, FileStat, FileSystem, FolderEntry} from '../../../src/core/migrate/effects.ts'

import {nodeFileSystem} from '../../../src/core/migrate/node-effects.ts'

/** The process is gone: nothing that it still tries reaches the disk. */
export class Crash extends Error {}

export type Fault =
  /** The process dies before the operation, after it, or with a file half written. */
  | {readonly kind: 'crash'; readonly at: number; readonly moment: 'after' | 'before' | 'middle'}
  /** The operation fails with this code, once or from then on; a file that was being written stays half written. */
  | {
      readonly kind: 'error'
      readonly at: number
      readonly code: string
      readonly lasting: boolean
      readonly only?: string
    }

export interface Operation {
  readonly name: string
  readonly path: string
  readonly target: string | null
}

/** Operations that take space, and so fail on a full disk. */
const TAKES_SPACE = new Set(['createFile', 'makeFolder'])

/** The real file system with one fault in it, counted in operations that change something, and a log of those. */
export class FaultyFileSystem implements FileSystem {
  readonly log: Operation[] = []
  readonly #fault: Fault | null
  #crashed = false

  constructor(fault: Fault | null = null) {
    this.#fault = fault
  }

  get crashed(): boolean {
    return this.#crashed
  }

  readFile(path: string): Buffer {
    return this.#read(() => nodeFileSystem.readFile(path))
  }

  list(path: string): FolderEntry[] {
    return this.#read(() => nodeFileSystem.list(path))
  }

  stat(path: string): FileStat | null {
    return this.#read(() => nodeFileSystem.stat(path))
  }

  realPath(path: string): string {
    return this.#read(() => nodeFileSystem.realPath(path))
  }

  readLink(path: string): string {
    return this.#read(() => nodeFileSystem.readLink(path))
  }

  mayWrite(path: string): boolean {
    return this.#read(() => nodeFileSystem.mayWrite(path))
  }

  createFile(path: string, content: Buffer, attributes?: FileAttributes): void {
    const half = () => {
      nodeFileSystem.createFile(path, content.subarray(0, content.length >> 1))
    }

    this.#change(
      {name: 'createFile', path, target: null},
      () => {
        nodeFileSystem.createFile(path, content, attributes)
      },
      half,
    )
  }

  setAttributes(path: string, attributes: FileAttributes): void {
    this.#change({name: 'setAttributes', path, target: null}, () => {
      nodeFileSystem.setAttributes(path, attributes)
    })
  }

  rename(from: string, to: string): void {
    this.#change({name: 'rename', path: from, target: to}, () => {
      nodeFileSystem.rename(from, to)
    })
  }

  removeFile(path: string): void {
    this.#change({name: 'removeFile', path, target: null}, () => {
      nodeFileSystem.removeFile(path)
    })
  }

  makeFolder(path: string): void {
    this.#change({name: 'makeFolder', path, target: null}, () => {
      nodeFileSystem.makeFolder(path)
    })
  }

  removeFolder(path: string): void {
    this.#change({name: 'removeFolder', path, target: null}, () => {
      nodeFileSystem.removeFolder(path)
    })
  }

  syncFolder(path: string): void {
    this.#change({name: 'syncFolder', path, target: null}, () => {
      nodeFileSystem.syncFolder(path)
    })
  }

  #read<T>(operation: () => T): T {
    if (this.#crashed) throw new Crash()
    return operation()
  }

  #change(operation: Operation, perform: () => void, performHalf?: () => void): void {
    if (this.#crashed) throw new Crash()
    const number = this.log.length
    this.log.push(operation)
    const fault = this.#fault
    if (fault?.kind === 'error') this.#failIfDue(fault, number, operation, performHalf)
    if (fault?.kind !== 'crash' || number !== fault.at) {
      perform()
      return
    }

    this.#crashed = true
    if (fault.moment === 'after') perform()
    else if (fault.moment === 'middle') performHalf?.()
    throw new Crash()
  }

  #failIfDue(fault: Fault & {kind: 'error'}, number: number, operation: Operation, performHalf?: () => void): void {
    const isDue = fault.lasting ? number >= fault.at : number === fault.at
    const isMeant =
      fault.only === undefined
        ? fault.code !== 'ENOSPC' || TAKES_SPACE.has(operation.name)
        : operation.name === fault.only
    if (!isDue || !isMeant) return
    performHalf?.()
    throw Object.assign(new Error(`${fault.code}: injected, ${operation.name} '${operation.path}'`), {code: fault.code})
  }
}

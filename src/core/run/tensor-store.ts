/** Saves output tensors as .npy files that are complete or absent, and never over another result of the same run. */
import {Buffer} from 'node:buffer'
import {randomUUID} from 'node:crypto'
import {mkdir, open, rename, rm, stat} from 'node:fs/promises'
import path from 'node:path'

import type {OutputTensor} from '../engine/engine.ts'
import type {OperationId} from './envelope.ts'
import type {SavedTensor} from './result-json.ts'

import {NpuBridgeError} from '../errors.ts'
import {encodeNpy} from './npy.ts'

/** In bytes; leaves room in the 255 that file systems allow for a counter and the name of the temporary file. */
const LONGEST_PART = 100
const MOST_COUNTERS = 4096

export class TensorStore {
  readonly #folder: string
  /** Files older than this are of an earlier run and may be replaced; a newer one is another result of this run. */
  readonly #startedMs: number
  /** Names that are being written right now. */
  readonly #busy = new Set<string>()
  /** Where the counter of a name that came up before goes on; only the latest names, the file system knows all. */
  readonly #counters = new Map<string, number>()

  private constructor(folder: string, startedMs: number) {
    this.#folder = folder
    this.#startedMs = startedMs
  }

  /**
   * Makes `folder` if it is not there.
   * @throws {NpuBridgeError} INVALID_ARGUMENT where it cannot be made or written to.
   */
  static async open(folder: string): Promise<TensorStore> {
    const marker = path.join(folder, `.npubridge-${randomUUID()}.tmp`)
    try {
      await mkdir(folder, {recursive: true})
      // The clock that counts is the file system's: that of the files this one is compared with.
      await using handle = await open(marker, 'w')
      const {mtimeMs} = await handle.stat()
      await rm(marker)
      return new TensorStore(folder, mtimeMs)
    } catch (error) {
      throw new NpuBridgeError('INVALID_ARGUMENT', `--output-dir ${folder} cannot be written to: ${messageOf(error)}`, {
        cause: error,
      })
    }
  }

  /**
   * Saves `outputs` as `<id>.<output>.npy`, with a counter behind the id where that name is taken.
   * @throws {NpuBridgeError} RESOURCE_EXHAUSTED where a file cannot be written.
   */
  async save(id: OperationId, outputs: Readonly<Record<string, OutputTensor>>): Promise<Record<string, SavedTensor>> {
    const saved: Record<string, SavedTensor> = {}
    for (const [name, tensor] of Object.entries(outputs)) {
      const file = await this.#saveAs(fileNamePart(String(id)), fileNamePart(name), encodeNpy(tensor))
      saved[name] = {file, shape: tensor.shape, datatype: tensor.datatype}
    }

    return saved
  }

  async #saveAs(id: string, output: string, bytes: Buffer): Promise<string> {
    const name = `${id}.${output}`
    for (let counter = this.#counters.get(name) ?? 1; ; counter++) {
      const file = path.join(this.#folder, `${id}${counter === 1 ? '' : `~${counter}`}.${output}.npy`)
      if (this.#busy.has(file)) continue
      this.#busy.add(file)
      try {
        if (await this.#isTaken(file)) continue
        await this.#write(file, bytes)
        this.#remember(name, counter + 1)
        return file
      } catch (error) {
        throw new NpuBridgeError('RESOURCE_EXHAUSTED', `${file} cannot be written: ${messageOf(error)}`, {cause: error})
      } finally {
        this.#busy.delete(file)
      }
    }
  }

  #remember(name: string, counter: number): void {
    this.#counters.delete(name)
    this.#counters.set(name, counter)
    if (this.#counters.size > MOST_COUNTERS) this.#counters.delete(this.#counters.keys().next().value!)
  }

  async #isTaken(file: string): Promise<boolean> {
    try {
      return (await stat(file)).mtimeMs >= this.#startedMs
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return false
      throw error
    }
  }

  async #write(file: string, bytes: Buffer): Promise<void> {
    const temporary = path.join(this.#folder, `.npubridge-${randomUUID()}.tmp`)
    try {
      await using handle = await open(temporary, 'wx')
      await handle.writeFile(bytes)
      await handle.datasync()
      await rename(temporary, file)
    } catch (error) {
      await rm(temporary, {force: true})
      throw error
    }
  }
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}

/** A name as part of a file name: no separators, no leading dot, not too long. */
export function fileNamePart(name: string): string {
  const safe =
    name
      .normalize('NFC')
      .replaceAll(/[^\p{L}\p{N}._-]/gu, '_')
      .replace(/^\./, '_') || '_'
  let part = safe
  while (Buffer.byteLength(part) > LONGEST_PART) part = [...part].slice(0, -1).join('')
  return part
}

/** Tensors that are too large for a job: in a Redis value that expires, or in a file of a folder that all hosts share. */
import type {Redis} from 'ioredis'

import {randomUUID} from 'node:crypto'
import {constants} from 'node:fs'
import {access, mkdir, open, readdir, rename, rm, stat, unlink, writeFile} from 'node:fs/promises'
import path from 'node:path'

import type {TensorReference} from '../job/job.ts'
import type {ClusterOptions} from '../options.ts'
import type {PoolKeys} from '../pool/keys.ts'

import {NpuBridgeError} from '../../errors.ts'

type StoreOptions = Pick<ClusterOptions, 'inlineBytes' | 'sharedFolder' | 'tensorBytes' | 'tensorExpiryMs'>

const FILE_END = '.tensor'
/** What an operation carries in its job altogether, whatever the size of each tensor. */
const MOST_INLINE_SHARE = 4

export class TensorStore {
  readonly #redis: Redis
  readonly #keys: PoolKeys
  readonly #options: StoreOptions

  constructor(redis: Redis, keys: PoolKeys, options: StoreOptions) {
    this.#redis = redis
    this.#keys = keys
    this.#options = options
  }

  /** @throws {NpuBridgeError} CONFIG_INVALID for a shared folder that cannot be written */
  async check(): Promise<void> {
    const {sharedFolder} = this.#options
    if (sharedFolder === null) return
    try {
      await mkdir(sharedFolder, {recursive: true})
      await access(sharedFolder, constants.W_OK)
    } catch (error) {
      throw new NpuBridgeError('CONFIG_INVALID', `cluster.shared_folder, ${sharedFolder}, cannot be written`, {
        cause: error,
      })
    }
  }

  /**
   * Puts tensors where the other side finds them.
   *
   * @throws {NpuBridgeError} RESOURCE_EXHAUSTED for one that is larger than Redis is to hold
   */
  async put(tensors: readonly Uint8Array[]): Promise<TensorReference[]> {
    const {inlineBytes} = this.#options
    let inline = 0
    return Promise.all(
      tensors.map(async (bytes): Promise<TensorReference> => {
        const isSmall = bytes.length <= inlineBytes && inline + bytes.length <= inlineBytes * MOST_INLINE_SHARE
        if (!isSmall) return this.#putAway(bytes)
        inline += bytes.length
        return {inline: Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('base64')}
      }),
    )
  }

  async #putAway(bytes: Uint8Array): Promise<TensorReference> {
    const {sharedFolder, tensorBytes, tensorExpiryMs} = this.#options
    const id = randomUUID()
    if (sharedFolder !== null) {
      const file = this.#file(sharedFolder, id)
      // Whoever sees it under its name sees all of it.
      await writeFile(`${file}.part`, bytes, {flag: 'wx', mode: 0o600})
      await rename(`${file}.part`, file)
      return {file: id, bytes: bytes.length}
    }

    if (bytes.length > tensorBytes) {
      throw new NpuBridgeError(
        'RESOURCE_EXHAUSTED',
        `a tensor has ${bytes.length} bytes, Redis is to hold at most ${tensorBytes} of one (cluster.tensor_bytes)`,
        {suggestions: ['cluster.shared_folder names a folder that all hosts share, for tensors of any size']},
      )
    }

    await this.#redis.set(
      this.#keys.tensor(id),
      Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length),
      'PX',
      tensorExpiryMs,
    )
    return {redis: id, bytes: bytes.length}
  }

  /** @throws {NpuBridgeError} RESOURCE_EXHAUSTED for one that has expired */
  async get(references: readonly TensorReference[]): Promise<Uint8Array[]> {
    return Promise.all(references.map(async (reference) => this.#get(reference)))
  }

  async #get(reference: TensorReference): Promise<Uint8Array> {
    if ('inline' in reference) return Buffer.from(reference.inline, 'base64')
    const bytes =
      'redis' in reference
        ? await this.#redis.getBuffer(this.#keys.tensor(reference.redis))
        : await this.#read(reference.file)
    if (bytes?.length === reference.bytes) return bytes
    const what = bytes
      ? `has ${bytes.length} bytes, not ${reference.bytes}`
      : 'is gone: it has expired, or Redis lost it'
    throw new NpuBridgeError('RESOURCE_EXHAUSTED', `a tensor of the operation ${what}`, {
      suggestions: ['cluster.tensor_expiry_ms says for how long tensors are kept'],
    })
  }

  async #read(id: string): Promise<Buffer | null> {
    const {sharedFolder} = this.#options
    if (sharedFolder === null) {
      throw new NpuBridgeError('CONFIG_INVALID', 'a tensor is in a shared folder, and this host is told of none', {
        suggestions: ['set cluster.shared_folder on every host, or on none'],
      })
    }

    const handle = await open(this.#file(sharedFolder, id)).catch(() => null)
    if (handle === null) return null
    try {
      return await handle.readFile()
    } finally {
      await handle.close()
    }
  }

  /** What nobody needs any more. What is left after a crash expires. */
  async drop(references: readonly TensorReference[]): Promise<void> {
    const {sharedFolder} = this.#options
    await Promise.all(
      references.map(async (reference) => {
        if ('redis' in reference) await this.#redis.unlink(this.#keys.tensor(reference.redis))
        else if ('file' in reference && sharedFolder !== null) {
          await unlink(this.#file(sharedFolder, reference.file)).catch(() => undefined)
        }
      }),
    )
  }

  /** Removes files that have expired; Redis does that by itself. */
  async sweep(now: number = Date.now()): Promise<void> {
    const {sharedFolder, tensorExpiryMs} = this.#options
    if (sharedFolder === null) return
    for (const name of await readdir(sharedFolder)) {
      if (!name.includes(FILE_END)) continue
      const file = path.join(sharedFolder, name)
      const stats = await stat(file).catch(() => undefined)
      if (stats && now - stats.mtimeMs > tensorExpiryMs) await rm(file, {force: true})
    }
  }

  /** Ids are checked against a pattern by the schema of jobs, so none leads out of the folder. */
  #file(folder: string, id: string): string {
    return path.join(folder, `${id}${FILE_END}`)
  }
}

/** Reading what a line refers to from disk, whole or in part. */
import {Buffer} from 'node:buffer'
import {type BigIntStats, closeSync, openSync, readSync, statSync} from 'node:fs'
import {open} from 'node:fs/promises'

import type {NpuBridgeError} from '../errors.ts'

import {fieldError} from './fields.ts'

/** @throws {NpuBridgeError} INVALID_ARGUMENT for what is absent or no regular file. */
export function statFile(file: string, place: string): BigIntStats {
  let stat: BigIntStats
  try {
    stat = statSync(file, {bigint: true})
  } catch (error) {
    throw unreadable(file, place, error)
  }

  // Opening a pipe or a device could wait for ever.
  if (!stat.isFile()) throw fieldError(`${place}.file`, `${file} is not a regular file`)
  return stat
}

function unreadable(file: string, place: string, cause: unknown): NpuBridgeError {
  const {code, message} = cause as NodeJS.ErrnoException
  if (code !== 'ENOENT') return fieldError(`${place}.file`, `cannot be read: ${message}`, {cause})
  return fieldError(`${place}.file`, `${file} does not exist`, {
    cause,
    suggestions: ['paths in a line are relative to the folder of the JSON Lines file (with -: to the current folder)'],
  })
}

/** The whole of a small file, which is faster on the spot than by way of the thread pool. */
export function readAtOnce(file: string, size: number, place: string): Buffer {
  const bytes = Buffer.allocUnsafeSlow(size)
  let length = 0
  try {
    const descriptor = openSync(file, 'r')
    try {
      for (let read = -1; read !== 0 && length < size; length += read) {
        read = readSync(descriptor, bytes, length, size - length, length)
      }
    } finally {
      closeSync(descriptor)
    }
  } catch (error) {
    throw unreadable(file, place, error)
  }

  return complete(bytes, length, file, place)
}

/** `size` bytes from `offset` on. */
export async function readRange(file: string, offset: number, size: number, place: string): Promise<Buffer> {
  const bytes = Buffer.allocUnsafeSlow(size)
  let length = 0
  try {
    await using handle = await open(file, 'r')
    for (let read = -1; read !== 0 && length < size; length += read) {
      read = (await handle.read(bytes, length, size - length, offset + length)).bytesRead
    }
  } catch (error) {
    throw unreadable(file, place, error)
  }

  return complete(bytes, length, file, place)
}

function complete(bytes: Buffer, length: number, file: string, place: string): Buffer {
  if (length === bytes.length) return bytes
  throw fieldError(`${place}.file`, `${file} became shorter while it was read`)
}

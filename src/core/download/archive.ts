import {createHash} from 'node:crypto'
import {createWriteStream} from 'node:fs'
import {mkdir} from 'node:fs/promises'
import path from 'node:path'
import {pipeline} from 'node:stream/promises'
import yauzl from 'yauzl'

import type {InstalledFile} from '../install/files.ts'

import {NpuBridgeError} from '../errors.ts'
import {cancelled} from '../process/run.ts'

const S_IFMT = 0o17_0000
const S_IFREG = 0o10_0000
const PROGRESS_BYTES = 2 * 1024 * 1024

export interface UnpackOptions {
  /** The relative path to write a member to, or null for one that is not wanted. */
  readonly select: (member: string) => string | null
  /** The most bytes that all the wanted members together may unpack to. */
  readonly limitBytes: number
  readonly signal?: AbortSignal | undefined
  /** The total is that of the wanted members. */
  readonly onProgress?: ((doneBytes: number, totalBytes: number) => void) | undefined
}

interface Wanted {
  readonly entry: yauzl.Entry
  readonly to: string
}

/**
 * Unpacks the wanted members of a zip file into `folder` as streams, each flushed to the disk. Names that lead out of
 * the folder, links, names that come twice and members larger than they say are refused.
 *
 * @throws {NpuBridgeError} INVALID_ARGUMENT for an archive that is damaged or not to be trusted
 */
export async function unpack(archive: string, folder: string, options: UnpackOptions): Promise<InstalledFile[]> {
  const zip = await open(archive)
  try {
    const wanted = await readWanted(zip, archive, options)
    const totalBytes = wanted.reduce((sum, {entry}) => sum + entry.uncompressedSize, 0)
    if (totalBytes > options.limitBytes) {
      throw refused(archive, `it would unpack to ${totalBytes} bytes, at most ${options.limitBytes} are expected`)
    }

    const files: InstalledFile[] = []
    const progress = countBytes(totalBytes, options.onProgress)
    for (const member of wanted) files.push(await unpackMember(zip, member, folder, {...options, onBytes: progress}))
    return files
  } catch (error) {
    throw explain(error, archive, options.signal)
  } finally {
    zip.close()
  }
}

async function open(archive: string): Promise<yauzl.ZipFile> {
  try {
    return await yauzl.openPromise(archive, {autoClose: false, strictFileNames: true})
  } catch (error) {
    throw explain(error, archive, undefined)
  }
}

async function readWanted(zip: yauzl.ZipFile, archive: string, {select}: UnpackOptions): Promise<Wanted[]> {
  const wanted = new Map<string, Wanted>()
  for await (const entry of zip.eachEntry()) {
    const to = entry.fileName.endsWith('/') ? null : select(entry.fileName)
    if (to === null) continue
    const mode = (entry.externalFileAttributes >>> 16) & S_IFMT
    if (mode !== 0 && mode !== S_IFREG) throw refused(archive, `${entry.fileName} is not a regular file`)
    if (yauzl.validateFileName(to) !== null) throw refused(archive, `${to} leads out of the folder`)
    if (wanted.has(to)) throw refused(archive, `two members would become ${to}`)
    wanted.set(to, {entry, to})
  }

  return [...wanted.values()]
}

/** Reports the sum of what it is told, at most once a step of {@link PROGRESS_BYTES} and at the end. */
function countBytes(totalBytes: number, onProgress: UnpackOptions['onProgress']): (bytes: number) => void {
  let doneBytes = 0
  let reportedBytes = 0
  return (bytes) => {
    doneBytes += bytes
    if (doneBytes !== totalBytes && doneBytes - reportedBytes < PROGRESS_BYTES) return
    reportedBytes = doneBytes
    onProgress?.(doneBytes, totalBytes)
  }
}

async function unpackMember(
  zip: yauzl.ZipFile,
  {entry, to}: Wanted,
  folder: string,
  {signal, onBytes}: {readonly onBytes: (bytes: number) => void; readonly signal?: AbortSignal | undefined},
): Promise<InstalledFile> {
  const target = path.join(folder, ...to.split('/'))
  await mkdir(path.dirname(target), {recursive: true})
  const hash = createHash('sha256')
  await pipeline(
    await zip.openReadStreamPromise(entry),
    async function* (chunks: AsyncIterable<Uint8Array>) {
      for await (const chunk of chunks) {
        hash.update(chunk)
        onBytes(chunk.length)
        yield chunk
      }
    },
    createWriteStream(target, {flags: 'wx', flush: true}),
    signal ? {signal} : {},
  )
  return {path: to, sha256: hash.digest('hex'), bytes: entry.uncompressedSize}
}

function refused(archive: string, why: string): NpuBridgeError {
  return new NpuBridgeError('INVALID_ARGUMENT', `${archive} cannot be unpacked: ${why}.`)
}

/** Errors of the disk stay what they are, so that whoever knows the folder can explain them. */
function explain(error: unknown, archive: string, signal: AbortSignal | undefined): unknown {
  if (error instanceof NpuBridgeError) return error
  if (signal?.aborted) return cancelled(signal)
  if (error instanceof Error && (error as NodeJS.ErrnoException).syscall) return error
  return refused(archive, error instanceof Error ? error.message : String(error))
}

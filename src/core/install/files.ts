import {Buffer} from 'node:buffer'
import {open, stat} from 'node:fs/promises'
import path from 'node:path'
import {z} from 'zod'

import {sha256File} from '../download/sha256.ts'

export const installedFileSchema = z.object({
  /** Relative to the folder, with forward slashes. */
  path: z.string(),
  sha256: z.string(),
  bytes: z.number(),
})

/** A file as it was installed. */
export type InstalledFile = Readonly<z.infer<typeof installedFileSchema>>

export function totalBytes(files: ReadonlyArray<{readonly bytes: number}>): number {
  return files.reduce((sum, {bytes}) => sum + bytes, 0)
}

/** The size of a file in bytes, null where there is none. */
export async function sizeOf(file: string): Promise<number | null> {
  return stat(file)
    .then((stats) => stats.size)
    .catch(() => null)
}

/** The first bytes of a file, at most `length` of them. */
export async function readHead(file: string, length: number): Promise<Uint8Array> {
  const handle = await open(file)
  try {
    const {buffer, bytesRead} = await handle.read(Buffer.alloc(length), 0, length, 0)
    return buffer.subarray(0, bytesRead)
  } finally {
    await handle.close()
  }
}

/** The first file that is missing or has another size than was installed, in words; null when all is as it was. */
export async function sizeProblem(folder: string, files: readonly InstalledFile[]): Promise<string | null> {
  for (const file of files) {
    const size = await sizeOf(path.join(folder, file.path))
    if (size === null) return `${file.path} is missing`
    if (size !== file.bytes) return `${file.path} has ${size} bytes, ${file.bytes} were installed`
  }

  return null
}

/** Like {@link sizeProblem}, but reads every file and compares its SHA-256. */
export async function hashProblem(
  folder: string,
  files: readonly InstalledFile[],
  signal?: AbortSignal,
): Promise<string | null> {
  const wrongSize = await sizeProblem(folder, files)
  if (wrongSize) return wrongSize
  for (const file of files) {
    const found = await sha256File(path.join(folder, file.path), signal)
    if (found !== file.sha256) return `${file.path} has another content than was installed`
  }

  return null
}

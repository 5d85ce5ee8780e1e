import {mkdtemp, realpath, rm} from 'node:fs/promises'
import {tmpdir} from 'node:os'
import path from 'node:path'

/** A new temporary folder. */
export async function makeFolder(): Promise<string> {
  const folder = await mkdtemp(path.join(tmpdir(), 'npubridge-test-'))
  return realpath(folder)
}

export async function removeFolder(folder: string): Promise<void> {
  await rm(folder, {recursive: true, force: true})
}

import {rm} from 'node:fs/promises'
import path from 'node:path'
import writeFileAtomic from 'write-file-atomic'
import {z} from 'zod'

import {ensureFolder} from '../install/folder.ts'
import {readJsonFile} from '../install/json-file.ts'

const FILE = 'selected.json'
const selectionSchema = z.object({folder: z.string()})

/** The folder that `setup --runtime` recorded as the one to use; null when it recorded none. */
export async function readSelection(runtimes: string): Promise<string | null> {
  const selection = await readJsonFile(path.join(runtimes, FILE), selectionSchema)
  return selection?.folder ?? null
}

/** Records `folder` as the runtime to use before the managed ones. */
export async function writeSelection(runtimes: string, folder: string): Promise<void> {
  await ensureFolder(runtimes)
  await writeFileAtomic(path.join(runtimes, FILE), JSON.stringify({folder}, null, 2) + '\n')
}

export async function removeSelection(runtimes: string): Promise<void> {
  await rm(path.join(runtimes, FILE), {force: true})
}

import path from 'node:path'
import writeFileAtomic from 'write-file-atomic'
import {z} from 'zod'

import {installedFileSchema} from '../install/files.ts'
import {readJsonFile} from '../install/json-file.ts'

const MANIFEST = 'runtime.json'

const manifestSchema = z.object({
  version: z.string(),
  /** The file name of the wheel it came from. */
  wheel: z.string(),
  /** Of the wheel. */
  sha256: z.string(),
  installedAt: z.string(),
  files: z.array(installedFileSchema),
})

/** What a managed runtime consists of, kept beside its libraries. */
export type RuntimeManifest = z.infer<typeof manifestSchema>

export async function writeManifest(folder: string, manifest: RuntimeManifest): Promise<void> {
  await writeFileAtomic(path.join(folder, MANIFEST), JSON.stringify(manifest, null, 2) + '\n')
}

/** The manifest of a managed runtime; null when there is none or it cannot be read. */
export async function readManifest(folder: string): Promise<RuntimeManifest | null> {
  return readJsonFile(path.join(folder, MANIFEST), manifestSchema)
}

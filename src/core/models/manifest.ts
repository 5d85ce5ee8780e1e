import path from 'node:path'
import writeFileAtomic from 'write-file-atomic'
import {z} from 'zod'

import {installedFileSchema} from '../install/files.ts'
import {readJsonFile} from '../install/json-file.ts'

const MANIFEST = 'model.json'

const statePairSchema = z.object({output: z.string(), input: z.string()})

/** Only the file must be told, as for the Rust engine: whoever describes a model by hand need write no more. */
const manifestSchema = z.object({
  name: z.string().optional(),
  version: z.string().default('unknown'),
  /** The model itself, relative to the folder. */
  file: z.string(),
  sha256: z.string().optional(),
  license: z.string().default('unknown'),
  source: z.string().default('unknown'),
  task: z.string().default(''),
  state: z.array(statePairSchema).default([]),
  files: z.array(installedFileSchema).default([]),
})

/** What the folder of a model says of itself. The Rust engine reads the same file. */
export type ModelManifest = z.infer<typeof manifestSchema>

export async function writeModelManifest(folder: string, manifest: ModelManifest): Promise<void> {
  await writeFileAtomic(path.join(folder, MANIFEST), JSON.stringify(manifest, null, 2) + '\n')
}

/** The manifest in `folder`, null where there is none or it cannot be read. */
export async function readModelManifest(folder: string): Promise<ModelManifest | null> {
  return readJsonFile(path.join(folder, MANIFEST), manifestSchema)
}

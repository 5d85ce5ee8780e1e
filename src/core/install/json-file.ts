import type {z} from 'zod'

import {readFile} from 'node:fs/promises'

/** The content of a JSON file of ours; null where it is missing, is not JSON or is not what `schema` says. */
export async function readJsonFile<T>(file: string, schema: z.ZodType<T>): Promise<T | null> {
  try {
    const text = await readFile(file, 'utf8')
    return schema.parse(JSON.parse(text))
  } catch {
    return null
  }
}

/** The token of this installation: shown once, kept as its hash. */
import {Buffer} from 'node:buffer'
import {randomBytes} from 'node:crypto'
import {chmod} from 'node:fs/promises'
import path from 'node:path'
import writeFileAtomic from 'write-file-atomic'
import {z} from 'zod'

import {ensureFolder} from '../../install/folder.ts'
import {readJsonFile} from '../../install/json-file.ts'
import {hashToken} from './access.ts'

const FILE = 'token.json'
const storedSchema = z.object({sha256: z.string().regex(/^[\da-f]{64}$/), created: z.string()})

export interface TokenChoice {
  readonly hash: Uint8Array
  /** The token itself where it was made just now: it cannot be shown again. */
  readonly fresh: string | null
}

/**
 * The token that clients need: the one that is given, else the one that is kept, else a new one.
 *
 * @param options.folder where the hash is kept
 * @param options.given a token that somebody else keeps, such as `NPUBRIDGE_TOKEN`
 * @param options.renew makes a new one; the old one is of no use any more
 */
export async function chooseToken({
  folder,
  given,
  renew,
}: {
  folder: string
  given: string | undefined
  renew: boolean
}): Promise<TokenChoice> {
  if (given) return {hash: hashToken(given), fresh: null}
  const file = path.join(folder, FILE)
  const stored = renew ? null : await readJsonFile(file, storedSchema)
  if (stored) return {hash: Buffer.from(stored.sha256, 'hex'), fresh: null}
  const token = randomBytes(32).toString('base64url')
  const hash = hashToken(token)
  await ensureFolder(folder)
  const content = {sha256: Buffer.from(hash).toString('hex'), created: new Date().toISOString()}
  await writeFileAtomic(file, JSON.stringify(content, null, 2) + '\n', {mode: 0o600})
  await chmod(file, 0o600)
  return {hash, fresh: token}
}

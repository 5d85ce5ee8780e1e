import {createHash} from 'node:crypto'
import {createReadStream} from 'node:fs'

/** The SHA-256 of a file, as 64 hexadecimal digits. */
export async function sha256File(file: string, signal?: AbortSignal): Promise<string> {
  const hash = createHash('sha256')
  for await (const chunk of createReadStream(file, {highWaterMark: 1024 * 1024, ...(signal && {signal})})) {
    hash.update(chunk as Uint8Array)
  }

  return hash.digest('hex')
}

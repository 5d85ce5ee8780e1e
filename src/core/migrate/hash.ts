import type {Buffer} from 'node:buffer'

import {createHash} from 'node:crypto'

/** SHA-256 of raw bytes, in hexadecimal: line ends and byte order marks count. */
export function sha256(bytes: Buffer | string): string {
  return createHash('sha256').update(bytes).digest('hex')
}

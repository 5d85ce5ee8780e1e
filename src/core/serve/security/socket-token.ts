/**
 * A token for a WebSocket of a web page. Pages can set no header, and a URL ends in logs and histories; what is left is
 * the list of subprotocols, in which the token stands encoded. The server chooses the other one of the list.
 */
import {Buffer} from 'node:buffer'

/** What page and server speak. */
export const SOCKET_PROTOCOL = 'npubridge.v1'
const BEARER = 'npubridge.bearer.'

/** `Bearer TOKEN` for a list of subprotocols that has one; undefined otherwise. */
export function bearerIn(protocols: string | undefined): string | undefined {
  if (protocols === undefined) return undefined
  const offered = protocols.split(',').map((each) => each.trim())
  const encoded = offered.find((each) => each.startsWith(BEARER))
  if (encoded === undefined) return undefined
  return `Bearer ${Buffer.from(encoded.slice(BEARER.length), 'base64url').toString('utf8')}`
}

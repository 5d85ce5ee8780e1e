/** The token of this tab: in its session storage, never in a URL. */
const KEY = 'npubridge.token'
/** See src/core/serve/security/socket-token.ts. */
const PROTOCOL = 'npubridge.v1'
const BEARER = 'npubridge.bearer.'

export function keptToken(): string | null {
  try {
    return sessionStorage.getItem(KEY)
  } catch {
    // Storage may be forbidden; the token is then asked for again after a reload.
    return memory
  }
}

let memory: string | null = null

export function keepToken(token: string | null): void {
  memory = token
  try {
    if (token === null) sessionStorage.removeItem(KEY)
    else sessionStorage.setItem(KEY, token)
  } catch {
    // As above.
  }
}

export function authorization(): Record<string, string> {
  const token = keptToken()
  return token === null ? {} : {authorization: `Bearer ${token}`}
}

/** A page can give a WebSocket no header, but a list of subprotocols. */
export function socketProtocols(): string[] {
  const token = keptToken()
  if (token === null) return [PROTOCOL]
  const binary = String.fromCodePoint(...new TextEncoder().encode(token))
  // eslint-disable-next-line no-restricted-globals -- what browsers have in its place is too new
  const encoded = btoa(binary).replaceAll('+', '-').replaceAll('/', '_').replaceAll('=', '')
  return [PROTOCOL, `${BEARER}${encoded}`]
}

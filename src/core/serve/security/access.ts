/** Who may use a server: by token, by the name it is called, and by the web page that asks. */
import {hash, timingSafeEqual} from 'node:crypto'
import {isIP} from 'node:net'

import type {RateLimit} from './rate-limit.ts'

import {NO_TOKEN, NOT_ALLOWED, Refusal, TOO_MANY} from '../service/refusal.ts'

/** What is known of a request before anything of it is read. */
export interface RequestHead {
  readonly authorization: string | undefined
  readonly host: string | undefined
  readonly origin: string | undefined
  /** What browsers say of where a request comes from. */
  readonly site: string | undefined
  /** Who asks; requests of one client share its rate. */
  readonly client: string
}

export interface AccessOptions {
  /** SHA-256 of the token that clients need; null: none. */
  readonly tokenHash: Uint8Array | null
  /** Whether the Host header has to be one of our names. Needless where a token is, or where names do not matter. */
  readonly checkHost: boolean
  /** Names without ports. */
  readonly hosts: readonly string[]
  readonly origins: readonly string[]
  readonly rate: RateLimit | null
}

const LOOPBACK = ['localhost', '127.0.0.1', '::1']

export class Access {
  readonly #options: AccessOptions
  readonly #hosts: ReadonlySet<string>
  readonly #origins: ReadonlySet<string>
  /** The last Host that was right: nearly always the next one, too. */
  #knownHost: string | undefined

  constructor(options: AccessOptions) {
    this.#options = options
    this.#hosts = new Set([...LOOPBACK, ...options.hosts.map((host) => host.toLowerCase())])
    this.#origins = new Set(options.origins)
  }

  /** Whether a page of this origin may use the server. */
  allowsOrigin(origin: string): boolean {
    return this.#origins.has(origin)
  }

  /**
   * Checks what only those may have who are allowed to; of a preflight, by which a browser asks on behalf of a page before
   * that may send its token, no token.
   *
   * @throws {Refusal} 403 for a foreign name or page, 401 without the token, 429 beyond the rate
   */
  check(head: RequestHead, {isPreflight = false}: {isPreflight?: boolean} = {}): void {
    this.#checkHost(head.host)
    this.#checkOrigin(head)
    if (!isPreflight) this.#checkToken(head.authorization)
    this.checkRate(head.client)
  }

  /** The same for what everybody may have who calls this server by its name, also by a link on another page. */
  checkPublic({client, host}: RequestHead): void {
    this.#checkHost(host)
    this.checkRate(client)
  }

  /** The same for a call that browsers cannot make. */
  checkCall(authorization: string | undefined, client: string): void {
    this.#checkToken(authorization)
    this.checkRate(client)
  }

  /** @throws {Refusal} 429 beyond the rate */
  checkRate(client: string): void {
    if (this.#options.rate === null || this.#options.rate.take(client)) return
    throw new Refusal(TOO_MANY, 'QUEUE_FULL', 'too many requests of this client: its rate is limited')
  }

  /** A page that was given a name of its own for this address would otherwise be let in by the browser. */
  #checkHost(host: string | undefined): void {
    if (!this.#options.checkHost || (host !== undefined && host === this.#knownHost)) return
    const name = host === undefined ? undefined : nameOf(host)
    if (host !== undefined && name !== undefined && this.#hosts.has(name)) {
      this.#knownHost = host
      return
    }

    throw new Refusal(NOT_ALLOWED, 'INVALID_ARGUMENT', `the Host header does not name this server`, {
      suggestions: ['--allow-host NAME lets clients call it by another name'],
    })
  }

  #checkOrigin(head: RequestHead): void {
    const {origin, site} = head
    if (origin === undefined && site !== 'cross-site' && site !== 'same-site') return
    if (origin !== undefined && (this.#origins.has(origin) || this.#isOwnPage(origin, head))) return
    throw new Refusal(NOT_ALLOWED, 'INVALID_ARGUMENT', 'web pages may not use this server', {
      suggestions: ['--allow-origin ORIGIN lets the pages of one origin'],
    })
  }

  /**
   * Whether a page of this server asks. That its name is the Host header's says nothing where anybody may name an address
   * as they like: the name was checked, or the token will be.
   */
  #isOwnPage(origin: string, {host, site}: RequestHead): boolean {
    const {checkHost, tokenHash} = this.#options
    if (!checkHost && tokenHash === null) return false
    if (host === undefined || (site !== undefined && site !== 'same-origin')) return false
    return origin === `http://${host}` || origin === `https://${host}`
  }

  #checkToken(authorization: string | undefined): void {
    const {tokenHash} = this.#options
    if (tokenHash === null) return
    const token = /^Bearer +(\S+)$/i.exec(authorization ?? '')?.[1]
    if (token !== undefined && timingSafeEqual(hashToken(token), tokenHash)) return
    const what = authorization === undefined ? 'a token is needed' : 'this is not the token of this server'
    throw new Refusal(NO_TOKEN, 'INVALID_ARGUMENT', `${what}: Authorization: Bearer TOKEN`)
  }
}

/** Tokens are 256 random bits, so that a plain hash cannot be turned back. */
export function hashToken(token: string): Uint8Array {
  return hash('sha256', token, 'buffer')
}

/** Whether only this machine can reach a server that listens there. */
export function isLoopback(host: string): boolean {
  if (host.toLowerCase() === 'localhost' || host === '::1') return true
  return isIP(host) === 4 && host.startsWith('127.')
}

/** `localhost` for `localhost:8000`, `::1` for `[::1]:8000`; undefined for what is no host at all. */
function nameOf(host: string): string | undefined {
  const match = /^(?:\[([\da-f:.]+)\]|([^:[\]@/\\\s]+))(?::\d{1,5})?$/i.exec(host)
  return (match?.[1] ?? match?.[2])?.toLowerCase()
}

/** Where Redis is, as a URL says it: `redis://USER:PASSWORD@HOST:PORT/DB`, `rediss://` with TLS, or `unix://PATH`. */
import type {RedisOptions} from 'ioredis'

import {readFileSync} from 'node:fs'

import {NpuBridgeError} from '../../errors.ts'

const DEFAULT_PORT = 6379

/** What the client is told; how it maps replies is its own default. */
export type LinkOptions = Omit<RedisOptions, 'replyMapping'>

export interface RedisAddress {
  readonly options: LinkOptions
  /** As it may be shown: without the password. */
  readonly shown: string
}

/**
 * @param text the URL; `rediss://` takes `?ca=FILE` for a certificate authority of one's own, `?cert=FILE&key=FILE` for
 *   a client certificate, and `?servername=NAME`
 * @throws {NpuBridgeError} INVALID_ARGUMENT naming what is wrong with it
 */
export function parseAddress(text: string): RedisAddress {
  const url = URL.canParse(text) ? new URL(text) : undefined
  switch (url?.protocol) {
    case 'unix:':
    case 'redis+unix:': {
      return {options: {path: decodeURIComponent(url.pathname), ...identityOf(url)}, shown: shownOf(url)}
    }

    case 'redis:':
    case 'rediss:': {
      const tls = url.protocol === 'rediss:' ? {tls: tlsOf(url)} : {}
      const host = url.hostname.replaceAll(/^\[|\]$/g, '') || '127.0.0.1'
      const port = url.port === '' ? DEFAULT_PORT : Number(url.port)
      return {options: {host, port, db: databaseOf(url), ...identityOf(url), ...tls}, shown: shownOf(url)}
    }

    default: {
      throw new NpuBridgeError(
        'INVALID_ARGUMENT',
        `${JSON.stringify(withoutPassword(text))} is not the URL of a Redis server`,
        {
          suggestions: [
            'redis://HOST:6379',
            'rediss://USER:PASSWORD@HOST:6380 for TLS',
            'unix:///run/redis/redis.sock',
          ],
        },
      )
    }
  }
}

function identityOf({password, username}: URL): LinkOptions {
  return {
    ...(username !== '' && {username: decodeURIComponent(username)}),
    ...(password !== '' && {password: decodeURIComponent(password)}),
  }
}

function databaseOf({pathname}: URL): number {
  const text = pathname.replace(/^\//, '')
  if (/^\d{0,5}$/.test(text)) return Number(text)
  throw new NpuBridgeError('INVALID_ARGUMENT', `the database of a Redis URL is a number, not ${JSON.stringify(text)}`)
}

function tlsOf({searchParams}: URL): object {
  const file = (name: string) => {
    const value = searchParams.get(name)
    if (value === null) return {}
    try {
      return {[name]: readFileSync(value)}
    } catch (error) {
      throw new NpuBridgeError('INVALID_ARGUMENT', `${name} of the Redis URL, ${value}, cannot be read`, {cause: error})
    }
  }

  const servername = searchParams.get('servername')
  return {...file('ca'), ...file('cert'), ...file('key'), ...(servername !== null && {servername})}
}

function shownOf(url: URL): string {
  const shown = new URL(url)
  if (shown.password !== '') shown.password = '***'
  shown.search = ''
  return shown.href
}

/** What follows `//` up to an `@` may hold a password also where the rest is no URL. */
function withoutPassword(text: string): string {
  return text.replace(/\/\/[^@/]*@/, '//***@')
}

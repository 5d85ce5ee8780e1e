/** Where a server listens, and why it cannot. */
import {lstat, readFile, unlink} from 'node:fs/promises'
import {type AddressInfo, createConnection, type Server} from 'node:net'
import {createSecureContext} from 'node:tls'

import type {TlsFiles} from './http/app.ts'
import type {ServeOptions} from './options.ts'

import {asNpuBridgeError, NpuBridgeError} from '../errors.ts'

/** Only who runs the server may connect. */
const SOCKET_MASK = 0o177

/** @throws {NpuBridgeError} INVALID_ARGUMENT naming the file that cannot be read or is no certificate or key */
export async function readTls({tls}: Pick<ServeOptions, 'tls'>): Promise<TlsFiles | null> {
  if (tls === null) return null
  const cert = await readPart('certificate', tls.cert)
  const key = await readPart('key', tls.key)
  try {
    createSecureContext({cert, key})
  } catch (error) {
    throw new NpuBridgeError(
      'INVALID_ARGUMENT',
      `${tls.cert} and ${tls.key} are no certificate with its key: ${asNpuBridgeError(error).message}`,
      {cause: error, suggestions: ['both are expected in PEM, the key without a passphrase']},
    )
  }

  return {cert, key}
}

async function readPart(what: string, file: string) {
  return readFile(file).catch((error: unknown): never => {
    throw new NpuBridgeError(
      'INVALID_ARGUMENT',
      `the ${what} ${file} cannot be read: ${asNpuBridgeError(error).message}`,
      {cause: error},
    )
  })
}

/** Listens on a port; gives the one that it is. @throws {NpuBridgeError} INVALID_ARGUMENT where it cannot be had */
export async function listenOnPort(server: Server, host: string, port: number): Promise<number> {
  await listen(server, `port ${port} of ${host}`, () => {
    server.listen({host, port, backlog: 511})
  })
  return (server.address() as AddressInfo).port
}

/** Listens on a Unix socket, in place of one that a killed server left. @throws {NpuBridgeError} INVALID_ARGUMENT */
export async function listenOnSocket(server: Server, file: string): Promise<void> {
  await removeStaleSocket(file)
  const mask = process.umask(SOCKET_MASK)
  try {
    // The socket is bound before this returns its promise, with the mask that is set now.
    const listening = listen(server, file, () => {
      server.listen({path: file})
    })
    process.umask(mask)
    await listening
  } finally {
    process.umask(mask)
  }
}

async function listen(server: Server, where: string, begin: () => void): Promise<void> {
  await new Promise<void>((resolve, reject) => {
    const onError = (error: NodeJS.ErrnoException) => {
      reject(listenError(error, where))
    }

    server.once('error', onError)
    server.once('listening', () => {
      server.off('error', onError)
      resolve()
    })
    begin()
  })
}

export function listenError(error: NodeJS.ErrnoException, where: string): NpuBridgeError {
  const {code} = error
  if (code === 'EADDRINUSE') {
    return new NpuBridgeError('INVALID_ARGUMENT', `${where} is in use`, {
      cause: error,
      suggestions: ['npubridge serve status    shows the servers that run', '--port 0 takes any port that is free'],
    })
  }

  const why = code === 'EACCES' ? 'may not be used by this user' : `cannot be listened on: ${error.message}`
  return new NpuBridgeError('INVALID_ARGUMENT', `${where} ${why}`, {cause: error})
}

async function removeStaleSocket(file: string): Promise<void> {
  const stats = await lstat(file).catch(() => undefined)
  if (stats === undefined) return
  if (!stats.isSocket()) throw new NpuBridgeError('INVALID_ARGUMENT', `${file} is there and is no socket`)
  if (await answers(file)) throw listenError(Object.assign(new Error('in use'), {code: 'EADDRINUSE'}), file)
  await unlink(file)
}

/** Whether somebody listens on a socket. */
async function answers(file: string): Promise<boolean> {
  return new Promise((resolve) => {
    const connection = createConnection(file)
    connection.once('connect', () => {
      connection.destroy()
      resolve(true)
    })
    connection.once('error', () => {
      resolve(false)
    })
  })
}

/** A host as it stands in a URL. */
export function urlHost(host: string): string {
  return host.includes(':') ? `[${host}]` : host
}

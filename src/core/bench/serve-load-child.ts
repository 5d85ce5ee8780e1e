/**
 * The program that puts load on a server, apart from it: sockets that send the same bytes again as soon as they have an
 * answer. It tells on file descriptor 3 what it measured; the request is the first argument. See serve-load.ts.
 */
import {Buffer} from 'node:buffer'
import {writeFileSync} from 'node:fs'
import {connect, type Socket} from 'node:net'

import type {ServeLoadRequest} from './serve-load.ts'

import {asNpuBridgeError, NpuBridgeError} from '../errors.ts'

const ANSWER_FD = 3
/** Connections are made, and code is compiled, before anything is counted. */
const WARMUP_MS = 150
const END_OF_HEAD = '\r\n\r\n'

class Connection {
  readonly latenciesUs: number[] = []
  readonly #socket: Socket
  readonly #request: Buffer
  #received = Buffer.alloc(0)
  #sentAt = 0

  constructor(port: number, request: Buffer, fail: (error: Error) => void) {
    this.#request = request
    this.#socket = connect({host: '127.0.0.1', noDelay: true, port})
    this.#socket.on('error', fail)
    this.#socket.on('data', (chunk) => {
      this.#received = this.#received.length === 0 ? chunk : Buffer.concat([this.#received, chunk])
      this.#take(fail)
    })
    this.#socket.on('connect', () => {
      this.#send()
    })
  }

  end(): void {
    this.#socket.destroy()
  }

  #send(): void {
    this.#sentAt = performance.now()
    this.#socket.write(this.#request)
  }

  #take(fail: (error: Error) => void): void {
    const head = this.#received.indexOf(END_OF_HEAD)
    if (head === -1) return
    const text = this.#received.toString('latin1', 0, head)
    const length = Number(/content-length: (\d+)/i.exec(text)?.[1])
    if (this.#received.length < head + END_OF_HEAD.length + length) return
    this.#received = Buffer.alloc(0)
    if (!text.startsWith('HTTP/1.1 200')) {
      fail(new NpuBridgeError('PROTOCOL_ERROR', `the server answered ${text.split('\r\n', 1)[0]!}`))
      return
    }

    this.latenciesUs.push((performance.now() - this.#sentAt) * 1000)
    this.#send()
  }
}

async function load({connections, durationMs, port, request}: ServeLoadRequest): Promise<object> {
  const bytes = Buffer.from(request, 'base64')
  return new Promise((resolve, reject) => {
    const open = Array.from({length: connections}, () => new Connection(port, bytes, reject))
    setTimeout(() => {
      for (const {latenciesUs} of open) latenciesUs.length = 0
      const startedAt = performance.now()
      const end = () => {
        const latenciesUs = open.flatMap((connection) => connection.latenciesUs)
        // On a machine that is busy with something else, not even one answer may have come.
        if (latenciesUs.length === 0) {
          setTimeout(end, durationMs)
          return
        }

        for (const connection of open) connection.end()
        resolve({latenciesUs, seconds: (performance.now() - startedAt) / 1000})
      }

      setTimeout(end, durationMs)
    }, WARMUP_MS)
  })
}

try {
  const value = await load(JSON.parse(process.argv[2] ?? '') as ServeLoadRequest)
  writeFileSync(ANSWER_FD, JSON.stringify({value}))
} catch (error) {
  writeFileSync(ANSWER_FD, JSON.stringify({error: asNpuBridgeError(error).toJSON()}))
}

process.exit()

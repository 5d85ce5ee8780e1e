/** Hangs up on connections over which nothing comes or goes any more. */
import type {Socket} from 'node:net'

import {Server as TlsServer} from 'node:tls'

import type {HttpServer} from './app.ts'

/** What had come and gone over a connection when it was last seen to move. */
interface Seen {
  bytes: number
  at: number
}

/** Looks so often in the time that a connection may be idle for: it has at the most a fourth of it more. */
const LOOKS = 4
const LONGEST_MS = 5000

/**
 * Closes each connection after `idleMs` without a byte in either direction, be it between requests or in the midst of one.
 * All of them are looked at now and then: a timer for each, which is what Node offers, is set anew several times for every
 * request, which is a twentieth of all that a short one takes.
 */
export function closeIdle(server: HttpServer, idleMs: number): void {
  const connections = new Map<Socket, Seen>()
  const follow = (socket: Socket) => {
    connections.set(socket, {bytes: bytesOf(socket), at: performance.now()})
    socket.once('close', () => {
      connections.delete(socket)
    })
  }

  server.on(server instanceof TlsServer ? 'secureConnection' : 'connection', follow)
  // A WebSocket looks after itself.
  server.on('upgrade', ({socket}) => {
    connections.delete(socket)
  })
  const timer = setInterval(
    () => {
      const now = performance.now()
      for (const [socket, seen] of connections) closeIfIdle(socket, seen, now, idleMs)
    },
    Math.min(LONGEST_MS, idleMs / LOOKS),
  )
  timer.unref()
  server.once('close', () => {
    clearInterval(timer)
  })
}

function closeIfIdle(socket: Socket, seen: Seen, now: number, idleMs: number): void {
  const bytes = bytesOf(socket)
  if (bytes !== seen.bytes) {
    seen.bytes = bytes
    seen.at = now
  } else if (now - seen.at >= idleMs) {
    // Only Node knows whether a client takes any of what waits for it.
    if (socket.writableLength === 0) socket.destroy()
    else if (socket.timeout !== idleMs) socket.setTimeout(idleMs)
  }
}

function bytesOf({bytesRead, bytesWritten}: Socket): number {
  return bytesRead + bytesWritten
}

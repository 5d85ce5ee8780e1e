/** A real Redis server of a test's own, in a temporary folder, that can be stopped and started again. */
import {type ChildProcess, spawn} from 'node:child_process'
import {once} from 'node:events'
import {mkdtempSync, rmSync} from 'node:fs'
import {connect, createServer} from 'node:net'
import {tmpdir} from 'node:os'
import path from 'node:path'
import {setTimeout as sleep} from 'node:timers/promises'

const START_MS = 10_000

export interface TestRedis {
  readonly folder: string
  readonly port: number
  readonly url: string
  start(): Promise<void>
  stop(signal?: NodeJS.Signals): Promise<void>
  /** Ends it and removes its folder. */
  close(): Promise<void>
}

export interface RedisOptions {
  /** Further arguments of redis-server; a function of its folder where they name files. */
  readonly args?: (folder: string) => readonly string[]
  /** Keeps its data over restarts, in an append-only file. */
  readonly persistent?: boolean
  /** Listens on TLS alone: `args` name the certificate. */
  readonly tls?: boolean
}

export async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const {port} = server.address() as {port: number}
  server.close()
  await once(server, 'close')
  return port
}

export async function startRedis({
  args = () => [],
  persistent = false,
  tls = false,
}: RedisOptions = {}): Promise<TestRedis> {
  const folder = mkdtempSync(path.join(tmpdir(), 'npubridge-redis-'))
  const port = await freePort()
  const ports = tls ? ['--port', '0', '--tls-port', String(port)] : ['--port', String(port)]
  const options = ['--bind', '127.0.0.1', '--dir', folder, '--save', '', '--appendonly', persistent ? 'yes' : 'no']
  let child: ChildProcess | undefined

  async function start(): Promise<void> {
    child = spawn('redis-server', [...ports, ...options, ...args(folder)], {stdio: 'ignore'})
    const failed = once(child, 'error').then(([error]) => {
      throw new Error(`redis-server cannot be started: ${(error as Error).message} (apt-get install redis-server)`)
    })
    await Promise.race([failed, accepts(port, tls)])
    failed.catch(() => undefined)
  }

  async function stop(signal: NodeJS.Signals = 'SIGTERM'): Promise<void> {
    if (child?.exitCode !== null || child.signalCode !== null) return
    child.kill(signal)
    await once(child, 'exit')
  }

  await start()
  return {
    folder,
    port,
    start,
    stop,
    url: `${tls ? 'rediss' : 'redis'}://127.0.0.1:${port}`,
    async close() {
      await stop('SIGKILL')
      rmSync(folder, {force: true, recursive: true})
    },
  }
}

/** Resolves when it answers, which it does when its data is loaded; with TLS, when it listens. */
async function accepts(port: number, tls: boolean): Promise<void> {
  const end = performance.now() + START_MS
  while (performance.now() < end) {
    if (await answers(port, tls)) return
    await sleep(20)
  }

  throw new Error(`redis-server does not answer on port ${port}`)
}

async function answers(port: number, tls: boolean): Promise<boolean> {
  const socket = connect(port, '127.0.0.1')
  try {
    await once(socket, 'connect')
    if (tls) return true
    socket.write('PING\r\n')
    const [answer] = (await once(socket, 'data')) as [Buffer]
    // One that asks for a password is there as well.
    return /^(?:\+PONG|-NOAUTH)/.test(answer.toString())
  } catch {
    return false
  } finally {
    socket.destroy()
  }
}

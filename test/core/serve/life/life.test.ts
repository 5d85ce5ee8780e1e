import {expect} from 'chai'
import {execFileSync, spawn} from 'node:child_process'
import {once} from 'node:events'
import {existsSync} from 'node:fs'
import {mkdir, mkdtemp, readdir, rm, writeFile} from 'node:fs/promises'
import {createServer} from 'node:net'
import {tmpdir} from 'node:os'
import path from 'node:path'

import {isRunning, processStartOf, runningServers, writeState} from '../../../../src/core/serve/life/state.ts'
import {serverStatus} from '../../../../src/core/serve/life/status.ts'
import {stopServers} from '../../../../src/core/serve/life/stop.ts'
import {ask, inferBody, pathsIn, rawConnection, testServer, until} from '../server.ts'

const CHILD = path.resolve(import.meta.dirname, 'child.ts')

interface Child {
  readonly pid: number
  readonly url: string
  readonly ended: Promise<{exitCode?: number; signal?: string}>
  readonly kill: (signal: NodeJS.Signals) => void
}

/** A server over a fake engine in a process of its own. */
async function childServer(folder: string, options: object = {}): Promise<Child> {
  const child = spawn(process.execPath, [CHILD, folder, JSON.stringify(options)], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const ended = new Promise<{exitCode?: number; signal?: string}>((resolve) => {
    child.once('exit', (exitCode, signal) => {
      resolve({...(exitCode !== null && {exitCode}), ...(signal !== null && {signal})})
    })
  })
  const line = await Promise.race([
    once(child.stdout, 'data').then(([data]) => String(data)),
    ended.then((end) => {
      throw new Error(`the server ended: ${JSON.stringify(end)}`)
    }),
  ])
  const {pid, url} = JSON.parse(line) as {pid: number; url: string}
  return {
    ended,
    kill(signal) {
      child.kill(signal)
    },
    pid,
    url,
  }
}

describe('the life of a server', () => {
  let folder: string
  let servers: string

  beforeEach(async () => {
    folder = await mkdtemp(path.join(tmpdir(), 'npubridge-life-'))
    servers = pathsIn(folder).servers
    await mkdir(pathsIn(folder).models)
    await writeFile(path.join(pathsIn(folder).models, 'net.onnx'), 'model')
  })

  afterEach(async () => {
    for (const {pid} of await runningServers(servers)) process.kill(pid, 'SIGKILL')
    await rm(folder, {force: true, recursive: true})
  })

  it('is told by status, ends by stop, and leaves nothing', async () => {
    const {ended, pid, url} = await childServer(folder)
    const report = await serverStatus(servers)
    expect(report.servers).to.have.length(1)
    expect(report.servers[0]).to.deep.include({pid, ready: true, reason: null, url})
    const {stopped} = await stopServers({folder: servers, waitMs: 10_000})
    expect(stopped.map(({how}) => how)).to.deep.equal(['drained'])
    expect(await ended).to.deep.equal({exitCode: 0})
    expect(await readdir(servers)).to.deep.equal([])
    expect(await serverStatus(servers)).to.deep.equal({servers: []})
  })

  it('asks which one is meant where several run', async () => {
    const first = await childServer(folder)
    const second = await childServer(folder)
    const failure = await stopServers({folder: servers, waitMs: 1000}).catch((error: unknown) => error)
    expect(failure).to.deep.include({code: 'INVALID_ARGUMENT'})
    expect((failure as Error).message).to.include('2 servers run')
    await stopServers({folder: servers, pid: second.pid, waitMs: 10_000})
    expect((await runningServers(servers)).map(({pid}) => pid)).to.deep.equal([first.pid])
    expect((await stopServers({all: true, folder: servers, waitMs: 10_000})).stopped).to.have.length(1)
    const none = await stopServers({folder: servers, waitMs: 1000}).catch((error: unknown) => error)
    expect((none as Error).message).to.equal('no server runs here')
  })

  it('goes on at once after a kill: neither port, socket nor file is in the way', async () => {
    const first = await childServer(folder)
    const {port} = new URL(first.url)
    const client = await rawConnection({port: Number(port)})
    first.kill('SIGKILL')
    expect(await first.ended).to.deep.equal({signal: 'SIGKILL'})
    await client.closed
    expect(await readdir(servers)).to.have.length(1)
    const second = await childServer(folder, {port: Number(port)})
    expect(new URL(second.url).port).to.equal(port)
    expect((await runningServers(servers)).map(({pid}) => pid)).to.deep.equal([second.pid])
    const {status} = await ask({port: Number(port)}, '/v2/models/net/infer', {body: inferBody()})
    expect(status).to.equal(200)
    second.kill('SIGTERM')
    expect(await second.ended).to.deep.equal({exitCode: 0})
  })

  it('takes the place of a Unix socket that a killed one left, but not of one in use', async () => {
    const socket = path.join(folder, 'npu.sock')
    const first = await childServer(folder, {socket})
    first.kill('SIGKILL')
    await first.ended
    expect(existsSync(socket)).to.equal(true)
    const second = await childServer(folder, {socket})
    expect((await serverStatus(servers)).servers[0]).to.deep.include({pid: second.pid, ready: true, socket})
    const failure = await testServer({socket}).catch((error: unknown) => error)
    expect((failure as Error).message).to.equal(`${socket} is in use`)
    second.kill('SIGTERM')
    await second.ended
    expect(existsSync(socket)).to.equal(false)
    await writeFile(socket, 'precious')
    const other = await testServer({socket}).catch((error: unknown) => error)
    expect((other as Error).message).to.equal(`${socket} is there and is no socket`)
  })

  it('is not another process that got the number of a killed one', async () => {
    const processStart = await processStartOf(process.pid)
    expect(await isRunning({pid: process.pid, processStart})).to.equal(true)
    if (processStart !== null) expect(await isRunning({pid: process.pid, processStart: '1'})).to.equal(false)
    await writeState(servers, {
      grpc: null,
      log: null,
      models: '/m',
      needsToken: false,
      pid: 2 ** 22 - 1,
      processStart: '1',
      socket: null,
      startedAt: new Date().toISOString(),
      url: 'http://127.0.0.1:1',
      version: '0',
    })
    await writeFile(path.join(servers, '7.json'), 'broken')
    expect(await runningServers(servers)).to.deep.equal([])
    expect(await readdir(servers)).to.deep.equal([])
  })

  it('lets requests end when it is stopped, and takes no further ones', async () => {
    const server = await testServer()
    const {promise, resolve} = Promise.withResolvers<void>()
    server.engine.gate = promise
    const answered = ask(server, '/v2/models/net/infer', {body: inferBody()})
    await until(() => server.engine.of('inference').length === 1, 'it is submitted')
    const waiting = await rawConnection(server)
    waiting.socket.write('GET /v2/health/ready HTTP/1.1\r\nHost: localhost\r\n\r\n')
    await until(() => waiting.received().includes('"ready":true'), 'it is ready')
    const stopped = server.running.stop()
    const late = await ask(server, '/v2').catch((error: unknown) => error)
    expect(late).to.have.property('code', 'ECONNREFUSED')
    resolve()
    expect((await answered).status).to.equal(200)
    await stopped
    expect(server.engine.isShutDown).to.equal(true)
    waiting.socket.destroy()
  })

  it('gives up on requests that do not end in time', async () => {
    const server = await testServer({drainMs: 50})
    server.engine.gate = new Promise(() => {})
    const answered = ask(server, '/v2/models/net/infer', {body: inferBody()}).catch((error: unknown) => error)
    await until(() => server.engine.of('inference').length === 1, 'it is submitted')
    await server.running.stop()
    expect(await answered).to.have.property('code', 'ECONNRESET')
    await until(() => server.engine.cancelled === 1, 'it is cancelled')
  })

  it('is not ready while no device works', async () => {
    await using server = await testServer()
    server.engine.status = 'failed'
    const answer = await ask(server, '/v2/health/ready')
    expect(answer.status).to.equal(503)
    expect(answer.json).to.deep.include({ready: false, reason: 'no device of the engine works'})
    expect((await ask(server, '/v2/health/live')).status).to.equal(200)
  })

  it('loads what it is told before it is ready, or says why it cannot', async () => {
    await using server = await testServer({load: ['all']})
    expect(server.engine.of('load_model')).to.have.length(2)
    const failure = await testServer({load: ['nobody']}).catch((error: unknown) => error)
    expect(failure).to.deep.include({code: 'MODEL_NOT_FOUND'})
  })

  describe('does not begin', () => {
    it('on a port in use', async () => {
      const other = createServer()
      await new Promise<void>((resolve) => {
        other.listen(0, '127.0.0.1', resolve)
      })
      const {port} = other.address() as {port: number}
      for (const options of [{port}, {grpcPort: port}]) {
        const failure = await testServer(options).catch((error: unknown) => error)
        expect(failure).to.deep.include({code: 'INVALID_ARGUMENT'})
        expect((failure as Error).message).to.match(/^port \d+ of 127\.0\.0\.1.* is in use$/)
      }

      other.close()
    })

    it('with a certificate that cannot be read or is none', async () => {
      const missing = {cert: path.join(folder, 'no.pem'), key: path.join(folder, 'no.key')}
      const failure = await testServer({tls: missing}).catch((error: unknown) => error)
      expect((failure as Error).message).to.match(/^the certificate .*no\.pem cannot be read: ENOENT/)
      const file = path.join(folder, 'bad.pem')
      await writeFile(file, 'no certificate')
      const other = await testServer({tls: {cert: file, key: file}}).catch((error: unknown) => error)
      expect((other as Error).message).to.include('are no certificate with its key')
    })

    it('with options that make no sense', async () => {
      const failure = await testServer({port: 99_999}).catch((error: unknown) => error)
      expect(failure).to.deep.include({code: 'CONFIG_INVALID'})
      expect((failure as Error).message).to.match(/^serve\.port: /)
    })
  })

  it('is over TLS where it has a certificate', async () => {
    const tls = {cert: path.join(folder, 'cert.pem'), key: path.join(folder, 'key.pem')}
    const how = '-x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 1 -subj /CN=localhost'.split(' ')
    execFileSync('openssl', ['req', ...how, '-keyout', tls.key, '-out', tls.cert], {stdio: 'ignore'})
    await using server = await testServer({tls})
    expect(server.running.url).to.match(/^https:/)
    const {request} = await import('node:https')
    const status = await new Promise((resolve, reject) => {
      request({host: '127.0.0.1', path: '/v2', port: server.port, rejectUnauthorized: false}, (response) => {
        response.resume()
        resolve(response.statusCode)
      })
        .on('error', reject)
        .end()
    })
    expect(status).to.equal(200)
  })
})

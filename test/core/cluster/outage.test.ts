import {Queue} from 'bullmq'
import {expect} from 'chai'
import {Redis} from 'ioredis'
import {writeFileSync} from 'node:fs'
import path from 'node:path'

import type {Engine} from '../../../src/core/engine/engine.ts'

import {selfSigned} from '../../support/certificate.ts'
import {failureOf} from '../../support/failure.ts'
import {requireNative, startNative} from '../../support/native.ts'
import {TestPool, until} from '../../support/pool.ts'
import {startRedis, type TestRedis} from '../../support/redis.ts'

const PASSWORD = 'correct horse battery staple'

describe('a pool whose Redis', () => {
  let engine: Engine
  let modelsFolder: string
  const servers: TestRedis[] = []
  const pools: TestPool[] = []
  const connections: Redis[] = []

  before(async function () {
    const setup = await requireNative(this)
    ;({modelsFolder} = setup)
    engine = await startNative(setup)
  })

  afterEach(async () => {
    for (const connection of connections.splice(0)) connection.disconnect()
    await Promise.all(pools.splice(0).map(async (pool) => pool.close()))
    await Promise.all(servers.splice(0).map(async (server) => server.close()))
  })

  after(async () => {
    await engine.shutdown()
  })

  async function start(options: Parameters<typeof startRedis>[0], url?: (server: TestRedis) => string) {
    const server = await startRedis(options)
    servers.push(server)
    const pool = new TestPool(url?.(server) ?? server.url, engine, modelsFolder)
    pools.push(pool)
    return {pool, server}
  }

  /** Operations wait, until what this gives is called. */
  async function hold({port}: TestRedis): Promise<() => Promise<void>> {
    const connection = new Redis(port, '127.0.0.1', {maxRetriesPerRequest: null})
    connections.push(connection)
    const queue = new Queue('any', {connection, prefix: 'npubridge:queue'})
    for (const emitter of [connection, queue]) emitter.on('error', () => {})
    await queue.pause()
    return async () => queue.resume()
  }

  it('is restarted with its data loses nothing', async () => {
    const {pool, server} = await start({persistent: true})
    await pool.worker('a')
    const caller = await pool.caller()
    const release = await hold(server)
    const waiting = caller.submitBatch(Array.from({length: 50}, (_, i) => ({type: 'echo', data: i})))
    await until(async () => (await caller.health()).queueDepth === 50)
    await server.stop()
    // While it is away as well.
    const during = caller.submit({type: 'echo', data: 'during'})
    await server.start()
    await release()
    expect((await waiting).map((element) => element.ok && element.data)).to.deep.equal(
      Array.from({length: 50}, (_, i) => i),
    )
    expect((await during).data).to.equal('during')
  })

  it('is restarted without its data says what is lost, repeats what has a key, and goes on', async () => {
    const {pool, server} = await start({})
    await pool.worker('a')
    const caller = await pool.caller()
    const release = await hold(server)
    const lost = failureOf(caller.submit({type: 'echo'}))
    const keyed = caller.submit({type: 'echo', data: 'again'}, {idempotencyKey: 'k'})
    await until(async () => {
      const raw = new Redis(server.port, '127.0.0.1')
      const keys = await raw.zcard('npubridge:queue:any:prioritized')
      raw.disconnect()
      return keys === 2
    })
    await server.stop()
    await server.start()
    const error = await lost
    expect(error.code).to.equal('INTERNAL')
    expect(error.message).to.contain('Redis has lost the operation')
    expect(error.suggestions[0]).to.contain('--appendonly yes')
    expect((await keyed).data).to.equal('again')
    await release()
    await until(async () => (await caller.health()).status === 'ok')
    expect((await caller.submit({type: 'echo', data: 1})).data).to.equal(1)
  })

  it('stays away fails what waits, and what comes, in time', async () => {
    const {pool, server} = await start({})
    await pool.worker('a')
    const caller = await pool.caller({unreachableMs: 300})
    await hold(server)
    const waiting = failureOf(caller.submit({type: 'echo'}))
    await server.stop('SIGKILL')
    const error = await waiting
    expect(error.code).to.equal('PROTOCOL_ERROR')
    expect(error.message).to.contain('has been away for 300 ms')
    expect((await failureOf(caller.submit({type: 'echo'}))).message).to.contain('has been away')
  })

  it('is not there is told of at once, with how to start one', async () => {
    const {pool, server} = await start({})
    await server.stop()
    for (const join of [async () => pool.caller(), async () => pool.worker('a')]) {
      const error = await failureOf(join())
      expect(error.code).to.equal('PROTOCOL_ERROR')
      expect(error.message).to.contain(`127.0.0.1:${server.port} cannot be used: nobody listens there`)
      expect(error.suggestions.join('\n')).to.contain('redis-server').and.contain('leave --cluster out')
    }
  })

  it('asks for TLS and an ACL user works with both, and with neither says why', async () => {
    const args = (folder: string) => {
      const {cert, key} = selfSigned(folder)
      const users = path.join(folder, 'users.acl')
      writeFileSync(
        users,
        `user default off\nuser npu on >${PASSWORD.replaceAll(' ', '-')} ~npubridge:* &npubridge:* +@all -@admin\n`,
      )
      return [
        '--tls-cert-file',
        cert,
        '--tls-key-file',
        key,
        '--tls-ca-cert-file',
        cert,
        '--tls-auth-clients',
        'no',
        '--aclfile',
        users,
      ]
    }

    const url = ({folder, port}: TestRedis, user: string) =>
      `rediss://${user}127.0.0.1:${port}?ca=${encodeURIComponent(path.join(folder, 'cert.pem'))}`
    const {pool, server} = await start({args, tls: true}, (each) => url(each, `npu:${PASSWORD.replaceAll(' ', '-')}@`))
    await pool.worker('a')
    const caller = await pool.caller()
    expect((await caller.submit({type: 'echo', data: 1}, {idempotencyKey: 'k'})).data).to.equal(1)

    const nobody = await failureOf(new TestPool(url(server, ''), engine, modelsFolder).caller())
    expect(nobody.suggestions[0]).to.contain('redis://USER:PASSWORD@HOST')
    const wrong = await failureOf(new TestPool(url(server, 'npu:geheim@'), engine, modelsFolder).caller())
    expect(wrong.message).to.contain('WRONGPASS').and.not.contain('geheim')
    const stranger = await failureOf(new TestPool(server.url, engine, modelsFolder).caller())
    expect(stranger.suggestions[0]).to.contain('?ca=FILE')
  })
})

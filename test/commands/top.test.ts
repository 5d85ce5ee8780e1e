import {expect} from 'chai'
import {symlink} from 'node:fs/promises'
import path from 'node:path'

import {resolvePaths} from '../../src/core/paths.ts'
import {type TopReport, TopState} from '../../src/core/top/report.ts'
import {connectSource} from '../../src/core/top/server-source.ts'
import {FakeEngine} from '../core/serve/fake-engine.ts'
import {serverOver, testServer, until} from '../core/serve/server.ts'
import {npubridge} from '../support/cli.ts'
import {makeFolder, removeFolder} from '../support/folder.ts'
import {requireNative} from '../support/native.ts'
import {expectSchema} from '../support/schema.ts'

/** Metrics of an engine whose time goes on. */
class TickingEngine extends FakeEngine {
  readonly #startedAt = performance.now()

  override metrics() {
    return {...super.metrics(), uptimeMs: performance.now() - this.#startedAt}
  }
}

describe('npubridge top', function () {
  this.timeout(300_000)
  let home: string

  before(async () => {
    home = await makeFolder()
  })

  after(async () => {
    await removeFolder(home)
  })

  it('reports a server as JSON by its schema, and as a table into a pipe', async () => {
    await using server = await serverOver(new TickingEngine())
    const json = await npubridge(home, ['top', '--once', '--json', '--server', server.running.url])
    expect(json.exitCode, json.stderr).to.equal(0)
    const report = expectSchema<TopReport>('top', json.stdout)
    expect(report.source).to.deep.include({kind: 'server', version: '1.2.3', name: server.running.url})
    expect(report.models.map(({name}) => name)).to.include('net')
    const table = await npubridge(home, ['top', '--server', server.running.url], {NO_COLOR: '1', COLUMNS: '80'})
    expect(table.exitCode, table.stderr).to.equal(0)
    expect(table.stdout).to.include('ops/s').and.not.include('\u{1B}')
    const narrow = await npubridge(home, ['top', '--server', server.running.url], {COLUMNS: '20'})
    expect(Math.max(...narrow.stdout.split('\n').map((line) => [...line].length))).to.be.at.most(20)
  })

  it('looks at a server on a Unix socket', async () => {
    const socket = path.join(home, 'top.sock')
    await using _server = await serverOver(new TickingEngine(), {socket})
    const {exitCode, stderr, stdout} = await npubridge(home, ['top', '--once', '--json', '--socket', socket])
    expect(exitCode, stderr).to.equal(0)
    expectSchema('top', stdout)
  })

  it('says that a server is gone, or that the token is not its own', async () => {
    await using server = await testServer({token: true}, {givenToken: 'the-token-of-this-server'})
    const wrong = await npubridge(home, ['top', '--once', '--server', server.running.url], {
      NPUBRIDGE_TOKEN: 'not-the-token-of-it',
    })
    expect(wrong.exitCode).to.equal(1)
    expect(wrong.stderr).to.include('this is not the token of this server').and.include('NPUBRIDGE_TOKEN')
    const gone = await npubridge(home, ['top', '--once', '--server', 'http://127.0.0.1:1'])
    expect(gone.exitCode).to.equal(1)
    expect(gone.stderr).to.include('the server at http://127.0.0.1:1 cannot be used')
    expect((await npubridge(home, ['top', '--server', 'x', '--own'])).exitCode).to.equal(2)
  })

  it('waits for a server that goes, and notices that it is another one', async () => {
    const server = await serverOver(new TickingEngine())
    const {port} = server
    await using source = await connectSource(server.running.url, undefined)
    const state = new TopState(source)
    const said: string[] = []
    let readings = 0
    source.start(100, {
      onLost(why) {
        said.push(why)
      },
      onReading(reading) {
        state.add(reading)
        readings++
      },
    })
    await until(() => state.hasRates, 'there are rates')
    await server[Symbol.asyncDispose]()
    await until(() => said.length > 0, 'it says that the server is gone')
    const before = readings
    await using _again = await serverOver(new TickingEngine(), {port})
    await until(() => readings > before, 'it is back')
    expect(state.restarts).to.equal(1)
  })

  it('opens an engine of its own where no server runs, and keeps it at work', async function () {
    const {modelsFolder} = await requireNative(this, ['silero-vad'])
    await symlink(modelsFolder, path.join(home, 'models'))
    await symlink(resolvePaths().runtimes, path.join(home, 'runtimes'))
    const args = ['top', '--once', '--json', '--device', 'cpu', '--exercise', 'echo']
    const {exitCode, stderr, stdout} = await npubridge(home, args)
    expect(exitCode, stderr).to.equal(0)
    const report = expectSchema<TopReport>('top', stdout)
    expect(report.source.name).to.equal('own native engine, at echo')
    expect(report.throughput).to.be.above(100)
    expect(report.devices.map(({name}) => name)).to.deep.equal(['CPU'])
  })
})

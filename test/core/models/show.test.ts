import {expect} from 'chai'
import {mkdir, writeFile} from 'node:fs/promises'
import path from 'node:path'

import {writeModelManifest} from '../../../src/core/models/manifest.ts'
import {showModel, type ShowOptions} from '../../../src/core/models/show.ts'
import {childProgram} from '../../support/child.ts'
import {failureOf} from '../../support/failure.ts'
import {makeFolder, removeFolder} from '../../support/folder.ts'
import {NOT_THERE, recordingRunner} from '../../support/pip.ts'
import {fakeRuntime} from '../../support/runtime.ts'

const TENSORS = {inputs: [{name: 'x', datatype: 'FP32', shape: [1, -1]}], outputs: []}
const SHA256_OF_X = '2d711642b726b04401627ca9fbac32f5c8530fb1903cc4db02258717921a4881'

describe('showModel', () => {
  let folder = ''

  beforeEach(async () => {
    folder = await makeFolder()
    await writeFile(path.join(folder, 'own.onnx'), 'x')
  })

  afterEach(async () => removeFolder(folder))

  async function options(answer: unknown, hasRuntime = true): Promise<ShowOptions> {
    const runtime = path.join(folder, 'runtime')
    if (hasRuntime) await fakeRuntime(runtime)
    return {
      paths: {
        models: path.join(folder, 'models'),
        runtimes: path.join(folder, 'runtimes'),
        servers: path.join(folder, 'servers'),
        cache: path.join(folder, 'cache'),
      },
      effects: {
        child: await childProgram(folder, `answer(${JSON.stringify(answer)})`),
        discover: {
          env: {LD_LIBRARY_PATH: runtime},
          run: recordingRunner(() => NOT_THERE).run,
          cwd: folder,
          intelRoot: folder,
          systemFolders: async () => [],
        },
      },
    }
  }

  it('shows a file of your own', async () => {
    const file = path.join(folder, 'own.onnx')
    expect(await showModel(file, await options({value: TENSORS}))).to.deep.equal({
      name: 'own',
      path: file,
      bytes: 1,
      sha256: SHA256_OF_X,
      about: null,
      state: [],
      tensors: TENSORS,
      unreadable: null,
    })
  })

  it('shows licence, source and state of a model that has a name', async () => {
    const target = path.join(folder, 'models', 'silero-vad')
    await mkdir(target, {recursive: true})
    await writeFile(path.join(target, 'a.onnx'), 'x')
    await writeModelManifest(target, {
      name: 'silero-vad',
      version: '6.2.3',
      file: 'a.onnx',
      license: 'MIT',
      source: 'pkg:pypi/x',
      task: 'speech',
      state: [{output: 'stateN', input: 'state'}],
      files: [],
    })
    const shown = await showModel('silero-vad', await options({value: TENSORS}))
    expect(shown.about).to.include({
      version: '6.2.3',
      license: 'MIT',
      homepage: 'https://github.com/snakers4/silero-vad',
    })
    expect(shown.state).to.deep.equal([{output: 'stateN', input: 'state'}])
  })

  it('shows the rest where no runtime is there, or no native engine, and says so', async () => {
    const file = path.join(folder, 'own.onnx')
    const bare = await showModel(file, await options({value: TENSORS}, false))
    expect(bare.tensors).to.equal(null)
    expect(bare.unreadable).to.include({code: 'RUNTIME_NOT_FOUND'})
    expect(bare.unreadable!.suggestions).to.include('npubridge setup')
    const error = {code: 'UNSUPPORTED_OPERATION', message: 'no native engine', suggestions: []}
    expect((await showModel(file, await options({error}))).unreadable).to.deep.equal(error)
  })

  it('fails for a file that is no model, and for none', async () => {
    const error = {code: 'MODEL_INVALID', message: 'own.onnx is no model', suggestions: []}
    const given = await options({error})
    const file = path.join(folder, 'own.onnx')
    expect(await failureOf(showModel(file, given))).to.include({code: 'MODEL_INVALID'})
    expect(await failureOf(showModel('magika', given))).to.include({code: 'MODEL_NOT_FOUND'})
  })

  it('fails when the named runtime cannot be used', async () => {
    const given = await options({value: TENSORS})
    const runtime = path.join(folder, 'nowhere')
    const error = await failureOf(showModel(path.join(folder, 'own.onnx'), {...given, runtime}))
    expect(error.code).to.equal('RUNTIME_NOT_FOUND')
    expect(error.message).to.contain(runtime)
  })
})

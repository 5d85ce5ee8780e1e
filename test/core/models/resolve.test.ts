import {expect} from 'chai'
import {mkdir, rm, writeFile} from 'node:fs/promises'
import path from 'node:path'

import {writeModelManifest} from '../../../src/core/models/manifest.ts'
import {isModelPath, resolveModel} from '../../../src/core/models/resolve.ts'
import {failureOf} from '../../support/failure.ts'
import {makeFolder, removeFolder} from '../../support/folder.ts'

describe('resolveModel', () => {
  let folder = ''

  beforeEach(async () => {
    folder = await makeFolder()
  })

  afterEach(async () => removeFolder(folder))

  const at = (...parts: string[]) => path.join(folder, ...parts)

  async function installed(name: string) {
    await mkdir(at(name))
    await writeFile(at(name, 'model.onnx'), 'x')
    const state = [{output: 'stateN', input: 'state'}]
    const rest = {version: '1', license: 'MIT', source: '', task: '', files: []}
    await writeModelManifest(at(name), {name, file: 'model.onnx', state, ...rest})
  }

  it('finds a model by its name, with its state', async () => {
    await installed('silero-vad')
    expect(await resolveModel('silero-vad', folder)).to.deep.equal({
      name: 'silero-vad',
      path: at('silero-vad', 'model.onnx'),
      state: [{output: 'stateN', input: 'state'}],
    })
  })

  it('finds a model of your own in the models folder', async () => {
    await installed('mine')
    expect((await resolveModel('mine', folder)).path).to.equal(at('mine', 'model.onnx'))
  })

  it('needs no more of a description than the file', async () => {
    await mkdir(at('mine'))
    await writeFile(at('mine', 'own.onnx'), 'x')
    await writeFile(at('mine', 'model.json'), '{"file": "own.onnx"}')
    expect(await resolveModel('mine', folder)).to.deep.equal({name: 'mine', path: at('mine', 'own.onnx'), state: []})
  })

  it('takes a path as it is', async () => {
    await writeFile(at('own.onnx'), 'x')
    expect(await resolveModel(at('own.onnx'), at('none'))).to.deep.equal({name: 'own', path: at('own.onnx'), state: []})
  })

  it('tells paths from names', () => {
    expect(['./a', 'a/b', 'a.onnx', 'A.XML', String.raw`a\b`].every((given) => isModelPath(given))).to.equal(true)
    expect(['silero-vad', 'a.bin', 'model'].some((given) => isModelPath(given))).to.equal(false)
  })

  it('gives the command that fetches a model of the catalogue', async () => {
    const error = await failureOf(resolveModel('magika', folder))
    expect(error.code).to.equal('MODEL_NOT_FOUND')
    expect(error.message).to.contain('magika')
    expect(error.suggestions).to.deep.equal(['npubridge models pull magika'])
  })

  it('suggests the name that was probably meant', async () => {
    const misspelt = await failureOf(resolveModel('silero_vda', folder))
    expect(misspelt.message).to.contain('"silero_vda"')
    expect(misspelt.suggestions[0]).to.equal('Did you mean silero-vad? npubridge models pull silero-vad')
    const unlike = await failureOf(resolveModel('resnet50', folder))
    expect(unlike.suggestions.join('\n')).to.not.contain('Did you mean')
  })

  it('never leaves the models folder by a name', async () => {
    await installed('inner')
    const error = await failureOf(resolveModel('..', at('inner')))
    expect(error.code).to.equal('MODEL_NOT_FOUND')
  })

  it('refuses a file that is missing, a folder, or empty', async () => {
    await mkdir(at('dir.onnx'))
    await writeFile(at('empty.onnx'), '')
    for (const [name, code, word] of [
      ['none.onnx', 'MODEL_NOT_FOUND', 'no model file'],
      ['dir.onnx', 'MODEL_INVALID', 'not a file'],
      ['empty.onnx', 'MODEL_INVALID', 'empty'],
    ] as const) {
      const error = await failureOf(resolveModel(at(name), folder))
      expect(error.code, name).to.equal(code)
      expect(error.message, name).to.contain(at(name)).and.to.contain(word)
    }
  })

  it('refuses an .xml that is none, and one without its weights', async () => {
    await writeFile(at('a.xml'), 'hello')
    const notXml = await failureOf(resolveModel(at('a.xml'), folder))
    expect(notXml.message).to.contain('not XML')
    await writeFile(at('a.xml'), '\u{FEFF}<?xml version="1.0"?><net/>')
    const error = await failureOf(resolveModel(at('a.xml'), folder))
    expect(error).to.include({code: 'MODEL_INVALID'})
    expect(error.message).to.contain(at('a.bin'))
    await writeFile(at('a.bin'), 'x')
    expect((await resolveModel(at('a.xml'), folder)).name).to.equal('a')
  })

  it('notices that a model has lost its file, and how to get it back', async () => {
    await installed('silero-vad')
    await rm(at('silero-vad', 'model.onnx'))
    const error = await failureOf(resolveModel('silero-vad', folder))
    expect(error.code).to.equal('MODEL_NOT_FOUND')
    expect(error.suggestions[0]).to.contain('npubridge models pull silero-vad')
  })
})

import {expect} from 'chai'
import {mkdirSync, mkdtempSync, rmSync, writeFileSync} from 'node:fs'
import {tmpdir} from 'node:os'
import path from 'node:path'

import {findModelFile} from '../../../src/core/engine/model-file.ts'
import {codeOf} from './contract.ts'

describe('findModelFile', () => {
  let models: string

  beforeEach(() => {
    models = mkdtempSync(path.join(tmpdir(), 'npubridge-models-'))
    mkdirSync(path.join(models, 'silero-vad'))
    writeFileSync(path.join(models, 'silero-vad/silero.onnx'), '')
  })

  afterEach(() => {
    rmSync(models, {recursive: true})
  })

  function describeModel(text: string): void {
    writeFileSync(path.join(models, 'silero-vad/model.json'), text)
  }

  it('finds a name in the catalogue, with its state', async () => {
    const state = [{input: 'state', output: 'stateN'}]
    describeModel(JSON.stringify({file: 'silero.onnx', state}))
    expect(await findModelFile('silero-vad', models)).to.deep.equal({
      path: path.join(models, 'silero-vad/silero.onnx'),
      state,
    })
    describeModel(JSON.stringify({file: 'silero.onnx', state: []}))
    expect((await findModelFile('silero-vad', models)).state).to.equal(undefined)
  })

  it('takes what has a separator or a model extension for a path', async () => {
    const file = path.join(models, 'silero-vad/silero.onnx')
    expect(await findModelFile(path.relative(process.cwd(), file), models)).to.deep.equal({
      path: file,
      state: undefined,
    })
    expect(await codeOf(findModelFile('here.xml', models))).to.equal('MODEL_NOT_FOUND')
  })

  it('does not leave the folder of models by a name', async () => {
    writeFileSync(path.join(models, 'model.json'), JSON.stringify({file: 'silero-vad/silero.onnx'}))
    for (const name of ['..', '.', '']) expect(await codeOf(findModelFile(name, models))).to.equal('MODEL_NOT_FOUND')
  })

  it('tells an unknown name from a broken description and a lost file', async () => {
    expect(await codeOf(findModelFile('silero-vad', models))).to.equal('MODEL_NOT_FOUND')
    for (const text of ['{', '{}', 'null']) {
      describeModel(text)
      expect(await codeOf(findModelFile('silero-vad', models)), text).to.equal('MODEL_INVALID')
    }

    describeModel('{"file": "lost.onnx"}')
    expect(await codeOf(findModelFile('silero-vad', models))).to.equal('MODEL_NOT_FOUND')
  })
})

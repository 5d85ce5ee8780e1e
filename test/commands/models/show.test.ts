import {expect} from 'chai'
import {writeFile} from 'node:fs/promises'
import path from 'node:path'

import {npubridge} from '../../support/cli.ts'
import {makeFolder, removeFolder} from '../../support/folder.ts'
import {expectSchema} from '../../support/schema.ts'

describe('npubridge models show', () => {
  let home = ''

  beforeEach(async () => {
    home = await makeFolder()
  })

  afterEach(async () => removeFolder(home))

  it('needs a model: a usage error', async () => {
    expect((await npubridge(home, ['models', 'show'])).exitCode).to.equal(2)
  })

  it('gives the command that fetches a model that is not here', async () => {
    const {stderr, exitCode} = await npubridge(home, ['models', 'show', 'silero-vad'])
    expect(exitCode).to.equal(1)
    expect(stderr).to.contain('Try: npubridge models pull silero-vad')
  })

  it('looks for the runtime where the configuration says', async () => {
    const config = path.join(home, 'npubridge.config.json')
    await writeFile(config, JSON.stringify({runtime: path.join(home, 'nowhere')}))
    const model = path.join(home, 'a.onnx')
    await writeFile(model, 'a model')
    const {exitCode, stderr} = await npubridge(home, ['models', 'show', model, '--config', config])
    expect(exitCode).to.equal(1)
    expect(stderr).to.contain('(RUNTIME_NOT_FOUND)').and.to.contain(path.join(home, 'nowhere'))
    await writeFile(config, '{"runtme": "x"}')
    const wrong = await npubridge(home, ['models', 'show', model, '--config', config])
    expect(wrong.stderr).to.contain('(CONFIG_INVALID)').and.to.contain('did you mean "runtime"?')
  })

  it('refuses an empty file', async () => {
    const file = path.join(home, 'a.onnx')
    await writeFile(file, '')
    const {stdout, exitCode} = await npubridge(home, ['models', 'show', file, '--json'])
    expect(exitCode).to.equal(1)
    expect(expectSchema('models-show', stdout)).to.deep.equal({
      error: {
        code: 'MODEL_INVALID',
        message: `The model file ${file} is empty.`,
        suggestions: ['Models that have a name: npubridge models list'],
      },
    })
  })
})

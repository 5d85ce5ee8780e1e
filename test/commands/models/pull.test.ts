import {expect} from 'chai'
import {mkdir} from 'node:fs/promises'
import path from 'node:path'

import {npubridge} from '../../support/cli.ts'
import {makeFolder, removeFolder} from '../../support/folder.ts'

describe('npubridge models pull', () => {
  let home = ''

  beforeEach(async () => {
    home = await makeFolder()
  })

  afterEach(async () => removeFolder(home))

  it('asks for names: a usage error', async () => {
    const {stderr, exitCode} = await npubridge(home, ['models', 'pull'])
    expect(exitCode).to.equal(2)
    expect(stderr).to.contain('No model was named').and.to.contain('magika, minilm, silero-vad').and.to.contain('--all')
  })

  it('suggests the name that was probably meant', async () => {
    const {stderr, exitCode} = await npubridge(home, ['models', 'pull', 'silero'])
    expect(exitCode).to.equal(1)
    expect(stderr).to.contain('"silero"').and.to.contain('Did you mean silero-vad?')
  })

  it('names the wheel that a folder lacks', async () => {
    const wheels = path.join(home, 'wheels')
    await mkdir(wheels)
    const {stderr, exitCode} = await npubridge(home, ['models', 'pull', 'magika', '--wheels', wheels])
    expect(exitCode).to.equal(1)
    expect(stderr).to.contain('magika-1.0.3-py3-none-manylinux_2_28_x86_64.whl').and.to.contain('(INVALID_ARGUMENT)')
  })

  it('names the package to install where there is no python3', async () => {
    const {stderr, exitCode} = await npubridge(home, ['models', 'pull', 'magika'], {PATH: home})
    expect(exitCode).to.equal(1)
    expect(stderr).to.contain('(UNSUPPORTED_OPERATION)').and.to.contain('python3').and.to.contain('Try:')
  })
})

import {expect} from 'chai'

import {npubridge} from '../../support/cli.ts'
import {makeFolder, removeFolder} from '../../support/folder.ts'
import {expectSchema} from '../../support/schema.ts'

describe('npubridge models list', () => {
  let home = ''

  beforeEach(async () => {
    home = await makeFolder()
  })

  afterEach(async () => removeFolder(home))

  it('prints a table without colours where stdout is no terminal', async () => {
    const {stdout, stderr, exitCode} = await npubridge(home, ['models', 'list'])
    expect(exitCode).to.equal(0)
    expect(stderr).to.equal('')
    expect(stdout).to.match(/│ silero-vad +│ 6\.2\.3 +│ speech in 16 kHz audio │ MIT +│ 1\.3 MB │ · no │/)
    expect(stdout).to.contain('npubridge models pull magika minilm silero-vad').and.to.not.contain('\u{1B}')
  })

  it('gives the same as one JSON object', async () => {
    const {stdout} = await npubridge(home, ['models', 'list', '--json'])
    const {models} = expectSchema<{models: Array<{name: string; state: string}>}>('models-list', stdout)
    expect(models.map(({name}) => name)).to.deep.equal(['magika', 'minilm', 'silero-vad'])
  })
})

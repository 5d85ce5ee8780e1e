import {expect} from 'chai'
import {execFileSync} from 'node:child_process'
import {readFile} from 'node:fs/promises'
import path from 'node:path'

import type {PulledModel} from '../../src/core/models/pull.ts'

import {npubridge} from '../support/cli.ts'
import {makeFolder, removeFolder} from '../support/folder.ts'
import {expectSchema} from '../support/schema.ts'

describe('npubridge models with pip', () => {
  let home = ''

  before(async function () {
    try {
      execFileSync('python3', ['-m', 'pip', '--version'], {stdio: 'ignore'})
    } catch {
      this.skip()
    }

    home = await makeFolder()
  })

  after(async () => removeFolder(home))

  async function pull(...args: string[]): Promise<PulledModel[]> {
    const {stdout} = await npubridge(home, ['models', 'pull', '--json', ...args])
    return expectSchema<{models: PulledModel[]}>('models-pull', stdout).models
  }

  it('fetches the whole catalogue from PyPI; each file is the one that was pinned', async () => {
    const models = await pull('--all')
    expect(models.map(({outcome}) => outcome)).to.deep.equal(['pulled', 'pulled', 'pulled'])
    const {stdout} = await npubridge(home, ['models', 'list', '--json'])
    const listed = expectSchema<{models: Array<{state: string}>}>('models-list', stdout)
    expect(listed.models.map(({state}) => state)).to.deep.equal(['installed', 'installed', 'installed'])
  }).timeout(300_000)

  it('has nothing to do the second time', async () => {
    const models = await pull('silero-vad', 'magika')
    expect(models.map(({name, outcome}) => `${name} ${outcome}`)).to.deep.equal([
      'silero-vad unchanged',
      'magika unchanged',
    ])
  })

  it('brings the labels that make sense of what magika says', async () => {
    const config = JSON.parse(await readFile(path.join(home, 'models', 'magika', 'config.min.json'), 'utf8')) as {
      target_labels_space: string[]
    }
    expect(config.target_labels_space).to.have.length(214)
  })

  it('shows a model that was fetched', async () => {
    const {stdout, exitCode} = await npubridge(home, ['models', 'show', 'silero-vad'])
    expect(exitCode).to.equal(0)
    expect(stdout).to.contain('silero-vad 6.2.3').and.to.contain('MIT').and.to.contain('stateN → state')
    const json = await npubridge(home, ['models', 'show', 'silero-vad', '--json'])
    const shown = expectSchema<{name: string}>('models-show', json.stdout)
    expect(shown.name).to.equal('silero-vad')
  })
})

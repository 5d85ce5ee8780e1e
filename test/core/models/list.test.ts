import {expect} from 'chai'
import {mkdir, truncate, writeFile} from 'node:fs/promises'
import path from 'node:path'

import {inCatalogue} from '../../../src/core/models/catalogue.ts'
import {listModels} from '../../../src/core/models/list.ts'
import {writeModelManifest} from '../../../src/core/models/manifest.ts'
import {makeFolder, removeFolder} from '../../support/folder.ts'

describe('listModels', () => {
  let folder = ''

  beforeEach(async () => {
    folder = await makeFolder()
  })

  afterEach(async () => removeFolder(folder))

  const silero = inCatalogue('silero-vad')!

  /** Files of the right size, which is all that the list looks at. */
  async function installSilero(version = silero.version) {
    const target = path.join(folder, 'silero-vad')
    await mkdir(target)
    for (const file of silero.files) {
      await writeFile(path.join(target, file.path), '')
      await truncate(path.join(target, file.path), file.bytes)
    }

    await writeModelManifest(target, {...silero, version, state: [], files: []})
  }

  async function stateOfSilero() {
    const models = await listModels(folder)
    const {state, problem} = models.find(({name}) => name === 'silero-vad')!
    return {state, problem}
  }

  it('lists the catalogue where nothing is here, with sizes', async () => {
    const models = await listModels(path.join(folder, 'nowhere'))
    expect(models.map(({name, state}) => `${name} ${state}`)).to.deep.equal([
      'magika available',
      'minilm available',
      'silero-vad available',
    ])
    expect(models[2]).to.include({license: 'MIT', bytes: 1_289_278, downloadBytes: 11_317_527})
  })

  it('knows what is here', async () => {
    await installSilero()
    expect(await stateOfSilero()).to.deep.equal({state: 'installed', problem: null})
  })

  it('notices a file that was cut off', async () => {
    await installSilero()
    await truncate(path.join(folder, 'silero-vad', silero.file), 10)
    const {state, problem} = await stateOfSilero()
    expect(state).to.equal('damaged')
    expect(problem).to.contain(silero.file)
  })

  it('notices another version', async () => {
    await installSilero('5.0.0')
    expect((await stateOfSilero()).state).to.equal('outdated')
  })

  it('lists models that somebody put there, and no other folder', async () => {
    await mkdir(path.join(folder, 'mine'))
    await writeFile(path.join(folder, 'mine', 'model.json'), '{"name": "mine", "file": "model.onnx"}')
    await mkdir(path.join(folder, 'junk'))
    await mkdir(path.join(folder, '.minilm.partial-1'))
    const models = await listModels(folder)
    expect(models.filter(({state}) => state === 'own').map(({name}) => name)).to.deep.equal(['mine'])
    expect(models).to.have.length(4)
  })
})

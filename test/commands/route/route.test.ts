import {expect} from 'chai'
import {execa} from 'execa'
import {mkdirSync, writeFileSync} from 'node:fs'
import path from 'node:path'

import {temporaryFolder} from '../../core/run/temporary-folder.ts'
import {expectSchema} from '../../support/schema.ts'

const BIN = path.resolve(import.meta.dirname, '../../../bin/run.js')
const EXAMPLES = [
  ['switch the lamp on', 'light'],
  ['lights off please', 'light'],
  ['play a song', 'music'],
  ['louder music', 'music'],
]

describe('npubridge route', () => {
  const folder = temporaryFolder()
  /** In a home of its own there is no model, so words decide. */
  const npubridge = async (...parameters: string[]) =>
    execa(process.execPath, [BIN, 'route', ...parameters], {
      cwd: folder(),
      env: {NPUBRIDGE_HOME: path.join(folder(), 'home')},
      reject: false,
    })

  beforeEach(() => {
    mkdirSync(path.join(folder(), 'agents'))
    writeFileSync(path.join(folder(), 'agents', 'a.md'), '---\nname: gardener\ndescription: Waters flowers\n---\n')
    writeFileSync(path.join(folder(), 'agents', 'b.md'), '---\nname: cook\ndescription: Boils eggs\n---\n')
    writeFileSync(path.join(folder(), 'rooms.json'), JSON.stringify(EXAMPLES))
  })

  it('names the agent for a text, and why', async () => {
    const {exitCode, stderr, stdout} = await npubridge('the flowers want water')
    expect(exitCode).to.equal(0)
    expect(stdout).to.match(/^✔ gardener {3}by lexical, score /)
    expect(stdout).to.contain('Because: the words "flowers"')
    expect(stderr).to.contain('! agents are chosen by words only: the model minilm is not there')
    const json = await npubridge('boil an egg', '--method', 'lexical', '--json', '--top', '1')
    const answer = expectSchema<{agent: string; candidates: unknown[]}>('route', json.stdout)
    expect(answer).to.include({agent: 'cook', method: 'lexical', device: null})
    expect(answer.candidates).to.have.length(1)
  })

  it('says that no agent fits', async () => {
    const {exitCode, stdout} = await npubridge('fly to mars', '--method', 'lexical')
    expect(exitCode).to.equal(0)
    expect(stdout).to.match(/^✖ No agent fits/)
    const strict = await npubridge('boil an egg', '--method', 'lexical', '--threshold', '99')
    expect(strict.stdout).to.match(/^✖ No agent fits: score .* of at least 99\.00/)
  })

  it('learns from examples, and measures what was learned', async () => {
    const train = await npubridge('train', 'rooms.json', '--output', 'rooms.head', '--method', 'lexical', '--json')
    expect(expectSchema('route-train', train.stdout)).to.include({labels: 2, examples: 4, threshold: null})
    const measured = await npubridge('--eval', 'rooms.json', '--head', 'rooms.head', '--json')
    expect(expectSchema('route', measured.stdout)).to.include({accuracy: 1, method: 'lexical', outOfScope: null})
    const shown = await npubridge('--eval', 'rooms.json', '--head', 'rooms.head')
    expect(shown.stdout).to.match(/^Accuracy {7}100\.0 % of 4 texts/)
    expect((await npubridge('the lamp please', '--head', 'rooms.head')).stdout).to.match(/^✔ light/)
  })

  it('says what is wrong', async () => {
    expect((await npubridge()).stderr).to.contain('there is no text')
    expect((await npubridge('x', '--eval', 'rooms.json')).stderr).to.contain('exclude each other')
    expect((await npubridge('x', '--threshold', 'high')).exitCode).to.equal(2)
    expect((await npubridge('x', '--head', 'rooms.json')).stderr).to.contain('this is no head')
    const missing = await npubridge('--eval', 'none.json', '--method', 'lexical', '--json')
    expect(missing.exitCode).to.equal(1)
    expectSchema('route', missing.stdout)
    const model = await npubridge('x', '--method', 'semantic')
    expect(model.exitCode).to.equal(1)
  })
})

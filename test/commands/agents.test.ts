import {expect} from 'chai'
import {execa} from 'execa'
import {mkdirSync, writeFileSync} from 'node:fs'
import path from 'node:path'

import {temporaryFolder} from '../core/run/temporary-folder.ts'
import {expectSchema} from '../support/schema.ts'

const BIN = path.resolve(import.meta.dirname, '../../bin/run.js')

describe('npubridge agents', () => {
  const folder = temporaryFolder()
  const npubridge = async (...parameters: string[]) =>
    execa(process.execPath, [BIN, 'agents', ...parameters], {cwd: folder(), reject: false})

  beforeEach(() => {
    mkdirSync(path.join(folder(), 'agents'))
    writeFileSync(
      path.join(folder(), 'agents', 'linter.md'),
      '---\nname: linter\ndescription: Checks style\ncommand: [npx, eslint]\n---\n',
    )
  })

  it('lists them, and shows one', async () => {
    const list = await npubridge('list')
    expect(list.exitCode).to.equal(0)
    expect(list.stdout).to.match(/│ linter +│ +50 │ command +│ Checks style/)
    const json = expectSchema<{agents: Array<{name: string}>}>(
      'agents-list',
      (await npubridge('list', '--json')).stdout,
    )
    expect(json.agents.map(({name}) => name)).to.deep.equal(['linter'])
    expect((await npubridge('show', 'LINTER')).stdout).to.contain('"argv":["npx","eslint"]')
    expectSchema('agents-show', (await npubridge('show', 'linter', '--json')).stdout)
    const unknown = await npubridge('show', 'lintr')
    expect(unknown.exitCode).to.equal(1)
    expect(unknown.stderr).to.contain('did you mean "linter"?')
  })

  it('checks them, and ends with 3 where one is wrong', async () => {
    expect((await npubridge('check')).exitCode).to.equal(0)
    writeFileSync(path.join(folder(), 'agents', 'bad.md'), '---\nname: [x]\n---\n')
    const {exitCode, stdout} = await npubridge('check')
    expect(exitCode).to.equal(3)
    expect(stdout).to.match(/✖ .*bad\.md: /)
    expectSchema('agents-check', (await npubridge('check', '--json')).stdout)
  })

  it('says where there are none', async () => {
    const {exitCode, stderr} = await npubridge('list', '--agents', 'nowhere')
    expect(exitCode).to.equal(1)
    expect(stderr).to.match(/agents folder .*nowhere cannot be read/)
  })
})

import {expect} from 'chai'
import {globSync, readFileSync} from 'node:fs'
import path from 'node:path'

import {allSettings, variableOf} from '../../../src/core/config/schema.ts'
import {OTHER_VARIABLES, readVariables} from '../../../src/core/config/variables.ts'

const ROOT = path.resolve(import.meta.dirname, '../../..')

describe('variables', () => {
  it('are one for each setting', () => {
    const names = allSettings().map((setting) => variableOf(setting))
    expect(new Set(names).size).to.equal(names.length)
    expect(names.filter((name) => OTHER_VARIABLES.includes(name))).to.deep.equal([])
  })

  it('that the sources read are settings or listed as others', () => {
    const known = new Set([...allSettings().map((setting) => variableOf(setting)), ...OTHER_VARIABLES])
    const sources = ['src/**/*.ts', 'native/{engine,node,python,testing}/src/**/*.rs', 'native/python/python/**/*.py']
    const read = sources
      .flatMap((pattern) => globSync(pattern, {cwd: ROOT}))
      .flatMap((file) => {
        const text = readFileSync(path.join(ROOT, file), 'utf8')
        return [...text.matchAll(/(?:env\.|environ(?:\.get)?[[(]"|env::var(?:_os)?\(")(NPUBRIDGE_[A-Z_]+)/g)].map(
          ([, name]) => name!,
        )
      })
    expect(read).to.include('NPUBRIDGE_HOME')
    expect([...new Set(read)].filter((name) => !known.has(name) && !name.startsWith('NPUBRIDGE_TEST_'))).to.deep.equal(
      [],
    )
  })

  it('that are empty set nothing', () => {
    expect(readVariables({NPUBRIDGE_DEVICE: ''})).to.deep.equal({settings: [], unknown: []})
  })
})

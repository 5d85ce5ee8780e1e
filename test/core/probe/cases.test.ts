import {expect} from 'chai'
import {Buffer} from 'node:buffer'
import {lstatSync, readdirSync, readFileSync, readlinkSync, statSync} from 'node:fs'
import path from 'node:path'

import {CASES} from '../../fixtures/probe/cases.ts'
import {type Expectation, expectationOf} from '../../fixtures/probe/expectation.ts'
import {FIXTURES, probeCase} from './fixture.ts'

/** Written by generate.ts, and read by a person before it is committed. */
const EXPECTED = JSON.parse(readFileSync(path.join(FIXTURES, 'expected.json'), 'utf8')) as Record<string, Expectation>

describe('fixtures of the probe', () => {
  it('covers at least 35 cases', () => {
    expect(Object.keys(CASES)).to.have.length.of.at.least(35)
  })

  for (const [name, {also = [], rootCause}] of Object.entries(CASES)) {
    it(`names ${rootCause ?? 'no root cause'} for ${name}`, async () => {
      const report = await probeCase(name)
      expect(report.rootCause, JSON.stringify(report.headline)).to.equal(rootCause)
      const failed = report.checks.filter(({status}) => status === 'fail').map(({id}) => id)
      expect(failed).to.deep.equal(rootCause ? [rootCause, ...also] : [])
    })

    it(`says what expected.json has of ${name}`, async () => {
      expect(expectationOf(await probeCase(name))).to.deep.equal(EXPECTED[name])
    })
  }

  for (const [name, {tree}] of Object.entries(CASES)) {
    it(`are up to date: ${name}`, () => {
      const expected = [...tree().entries()].map(([file, content]) => [file, Buffer.from(content).toString('base64')])
      const found = filesBelow(path.join(FIXTURES, name)).map((file) => [
        file,
        Buffer.from(contentOf(path.join(FIXTURES, name, file))).toString('base64'),
      ])
      expect(Object.fromEntries(found), 'run: node test/fixtures/probe/generate.ts').to.deep.equal(
        Object.fromEntries(expected),
      )
    })
  }

  it('are the cases and no others', () => {
    const folders = readdirSync(FIXTURES).filter((name) => statSync(path.join(FIXTURES, name)).isDirectory())
    expect(folders).to.have.members(Object.keys(CASES))
  })
})

/** Links are entries of their own and are not followed. */
function filesBelow(folder: string, below = ''): string[] {
  return readdirSync(path.join(folder, below), {withFileTypes: true}).flatMap((entry) => {
    const name = path.join(below, entry.name)
    return entry.isDirectory() ? filesBelow(folder, name) : [name]
  })
}

function contentOf(file: string): Uint8Array | string {
  return lstatSync(file).isSymbolicLink() ? `→ ${readlinkSync(file)}` : readFileSync(file)
}

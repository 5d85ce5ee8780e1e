import {expect} from 'chai'
import {writeFile} from 'node:fs/promises'
import path from 'node:path'

import {baselineFile, parseShare, readBaseline, saveBaseline} from '../../../src/core/bench/baseline.ts'
import {NpuBridgeError} from '../../../src/core/errors.ts'
import {failureOf} from '../../support/failure.ts'
import {makeFolder, removeFolder} from '../../support/folder.ts'
import {reportOf} from './report-of.ts'

describe('baselines', () => {
  let folder: string

  beforeEach(async () => {
    folder = await makeFolder()
  })

  afterEach(async () => removeFolder(folder))

  const paths = () => ({
    models: path.join(folder, 'models'),
    runtimes: path.join(folder, 'runtimes'),
    servers: path.join(folder, 'servers'),
    cache: path.join(folder, 'cache'),
  })

  it('are kept by name, and read again', async () => {
    const report = reportOf({samples: {'s.m': [1, 2, 3]}})
    expect(await saveBaseline('before', report, paths())).to.equal(path.join(folder, 'baselines', 'before.json'))
    expect(await readBaseline('before', paths())).to.deep.equal(report)
    await saveBaseline('before', reportOf(), paths())
    expect((await readBaseline('before', paths())).suites).to.deep.equal([])
  })

  it('are files where a path is given', async () => {
    const file = path.join(folder, 'deep', 'x.json')
    await saveBaseline(file, reportOf())
    expect(await readBaseline(file)).to.deep.equal(reportOf())
    expect(baselineFile('x.json')).to.equal(path.resolve('x.json'))
  })

  it('have names that lead nowhere else', () => {
    for (const name of ['..', '.hidden', '', 'a b']) expect(() => baselineFile(name), name).to.throw(NpuBridgeError)
  })

  it('that are not there are named, with the way to make one', async () => {
    const {message, suggestions} = await failureOf(readBaseline('before', paths()))
    expect(message).to.match(/there is no baseline .*before\.json/)
    expect(suggestions).to.deep.equal(['Make one: npubridge bench --save-baseline before'])
  })

  it('that are something else are refused, with the place', async () => {
    const file = path.join(folder, 'x.json')
    for (const [text, place] of [
      ['not json', 'the file'],
      ['{}', 'environment'],
      [JSON.stringify({...reportOf(), suites: [{}]}), 'suites.0.name'],
    ] as const) {
      await writeFile(file, text)
      expect((await failureOf(readBaseline(file))).message).to.contain(`is no report of bench: ${place}:`)
    }
  })
})

describe('a share', () => {
  it('is a percentage or a fraction', () => {
    expect(parseShare('5%')).to.equal(0.05)
    expect(parseShare('0.05')).to.equal(0.05)
    expect(parseShare('0%')).to.equal(0)
  })

  it('is nothing else', () => {
    for (const text of ['', 'five', '-5%', '5 percent', '%'])
      expect(() => parseShare(text), text).to.throw(NpuBridgeError)
  })
})

import {expect} from 'chai'
import {appendFile, mkdir, readdir, readFile, utimes, writeFile} from 'node:fs/promises'
import path from 'node:path'

import {recallReport, rememberReport, trustedDevices} from '../../../src/core/runtime/trusted.ts'
import {childProgram, reportOf, workingChild} from '../../support/child.ts'
import {failureOf} from '../../support/failure.ts'
import {makeFolder, removeFolder} from '../../support/folder.ts'
import {fakeRuntime} from '../../support/runtime.ts'

describe('trustedDevices', () => {
  let folder = ''
  let runtime = ''
  let cacheFolder = ''
  let log = ''

  beforeEach(async () => {
    folder = await makeFolder()
    runtime = await fakeRuntime(path.join(folder, 'runtime'))
    cacheFolder = path.join(folder, 'cache')
    log = path.join(folder, 'log')
    await writeFile(log, '')
  })

  afterEach(async () => removeFolder(folder))

  async function trust(more: {env?: NodeJS.ProcessEnv; functionalTest?: boolean} = {}) {
    const child = await workingChild(folder, log)
    return trustedDevices(runtime, {cacheFolder, child, env: {}, ...more})
  }

  async function asked() {
    const text = await readFile(log, 'utf8')
    return text.split('\n').filter((line) => line.startsWith('inspect')).length
  }

  it('asks once and remembers the answer', async () => {
    expect(await trust()).to.deep.equal({...reportOf(runtime)})
    expect(await trust()).to.deep.equal({...reportOf(runtime)})
    expect(await asked()).to.equal(1)
    const [file] = await readdir(cacheFolder)
    expect(file).to.match(/^probe-[\da-f]{16}\.json$/)
  })

  it('removes what a process that was killed began to write, and leaves what another writes just now', async () => {
    await mkdir(cacheFolder)
    const abandoned = path.join(cacheFolder, 'probe-00112233.json.4711')
    await writeFile(abandoned, '{')
    await utimes(abandoned, new Date(), new Date(Date.now() - 120_000))
    await writeFile(path.join(cacheFolder, 'probe-00112233.json.815'), '{')
    await trust()
    const names = await readdir(cacheFolder)
    expect(names.filter((name) => !/^probe-[\da-f]{16}\.json$/.test(name))).to.deep.equal(['probe-00112233.json.815'])
  })

  it('asks again when tests are wanted that were not made', async () => {
    await trust()
    expect((await trust({functionalTest: true})).tests).to.have.length(2)
    expect((await trust()).tests).to.have.length(2)
    expect(await asked()).to.equal(2)
  })

  it('asks again when the library has changed', async () => {
    await trust()
    await utimes(path.join(runtime, 'libopenvino_c.so.2641'), new Date(), new Date(0))
    await trust()
    expect(await asked()).to.equal(2)
  })

  it('asks again when the driver of the NPU has changed', async () => {
    const env = {LD_LIBRARY_PATH: folder}
    await trust({env})
    await trust({env})
    expect(await asked()).to.equal(1)
    await writeFile(path.join(folder, 'libze_intel_npu.so.1'), '')
    await trust({env})
    expect(await asked()).to.equal(2)
  })

  it('asks again when the cache is damaged', async () => {
    await trust()
    const [file] = await readdir(cacheFolder)
    await appendFile(path.join(cacheFolder, file!), 'x')
    await trust()
    expect(await asked()).to.equal(2)
  })

  it('does not keep a failure', async () => {
    const child = await childProgram(folder, 'process.exit(1)')
    expect((await failureOf(trustedDevices(runtime, {cacheFolder, child}))).code).to.equal('RUNTIME_NOT_FOUND')
    await trust()
    expect(await asked()).to.equal(1)
  })

  it('works without a cache that can be written', async () => {
    await writeFile(cacheFolder, 'a file in the way')
    await trust()
    expect(await asked()).to.equal(1)
  })

  it('keeps runtimes apart', async () => {
    const other = await fakeRuntime(path.join(folder, 'other'))
    await rememberReport(runtime, reportOf(runtime), {cacheFolder})
    expect(await recallReport(other, {cacheFolder})).to.equal(null)
    expect(await recallReport(runtime, {cacheFolder})).to.deep.equal(reportOf(runtime))
  })
})

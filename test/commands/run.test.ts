import {expect} from 'chai'
import {execa} from 'execa'
import path from 'node:path'

import {temporaryFolder} from '../core/run/temporary-folder.ts'

const BIN = path.resolve(import.meta.dirname, '../../bin/run.js')
const npubridge = async (...parameters: string[]) => execa('node', [BIN, ...parameters], {reject: false})

describe('npubridge run', () => {
  const folder = temporaryFolder()

  it('explains itself with examples', async () => {
    const {exitCode, stdout} = await npubridge('run', '--help')
    expect(exitCode).to.equal(0)
    expect(stdout).to.contain(`echo '{"type": "echo", "data": "hello"}' | npubridge run -`)
    for (const flag of ['device', 'engine', 'runtime', 'legacy', 'model', 'priority', 'timeout-ms', 'concurrency']) {
      expect(stdout).to.contain(`--${flag}`)
    }

    for (const flag of ['unordered', 'fail-fast', 'output-dir', 'nonfinite']) expect(stdout).to.contain(`--${flag}`)
    expect(stdout).to.not.contain('--json')
  })

  it('ends with 2 for wrong usage', async () => {
    expect((await npubridge('run')).exitCode).to.equal(2)
    expect((await npubridge('run', 'x', '--device', 'tpu')).exitCode).to.equal(2)
    expect((await npubridge('run', 'x', '--concurrency', '0')).exitCode).to.equal(2)
    expect((await npubridge('run', 'x', '--nonfinite', 'null')).exitCode).to.equal(2)
    expect((await npubridge('run', 'x', '--json')).exitCode).to.equal(2)
  })

  it('says on stderr which file is missing', async () => {
    const {exitCode, stderr, stdout} = await npubridge('run', path.join(folder(), 'missing.jsonl'))
    expect(exitCode).to.equal(1)
    expect(stdout).to.equal('')
    expect(stderr).to.match(/^✖ .*missing\.jsonl does not exist \(INVALID_ARGUMENT\)\n {2}Try: - reads standard input$/)
  })
})

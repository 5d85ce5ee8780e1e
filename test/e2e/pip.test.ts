import {expect} from 'chai'
import {execFileSync} from 'node:child_process'
import path from 'node:path'

import {findPip} from '../../src/core/download/pip.ts'
import {runProcess} from '../../src/core/process/run.ts'
import {makeFolder, removeFolder} from '../support/folder.ts'

describe('pip of a Python without pip', () => {
  let folder = ''

  before(async function () {
    folder = await makeFolder()
    try {
      execFileSync('python3', ['-m', 'venv', '--without-pip', path.join(folder, 'bare')], {stdio: 'ignore'})
      execFileSync('python3', ['-c', 'import ensurepip'], {stdio: 'ignore'})
    } catch {
      this.skip()
    }
  })

  after(async () => removeFolder(folder))

  it('is that of a temporary venv', async () => {
    const bin = path.join(folder, 'bare', process.platform === 'win32' ? 'Scripts' : 'bin')
    const {command, args} = await findPip({
      folder,
      run: async (python, given, options) =>
        runProcess(python, given, {...options, env: {PATH: bin, PYTHONHOME: undefined}}),
    })
    expect(path.relative(folder, command).split(path.sep, 1)).to.deep.equal(['venv'])
    const {stdout, exitCode} = await runProcess(command, [...args, '--version'])
    expect(exitCode).to.equal(0)
    expect(stdout).to.match(/^pip \d+/)
  }).timeout(120_000)
})

import {expect} from 'chai'

import {findPip} from '../../../src/core/download/pip.ts'
import {failureOf} from '../../support/failure.ts'
import {type Call, FAILED, NOT_THERE, recordingRunner, SUCCEEDED} from '../../support/pip.ts'

const readOsRelease = async () => 'ID=debian'
const rest = {folder: '/tmp/work', platform: 'linux', readOsRelease} as const
const isVenv = ({args}: Call) => args.includes('venv')

describe('findPip', () => {
  it('prefers the pip of python3', async () => {
    const {run, calls} = recordingRunner(() => SUCCEEDED)
    expect(await findPip({run, ...rest})).to.deep.equal({command: 'python3', args: ['-m', 'pip']})
    expect(calls).to.have.length(1)
  })

  it('makes a temporary venv where python3 has no pip', async () => {
    const {run, calls} = recordingRunner((call) => (isVenv(call) ? SUCCEEDED : FAILED))
    expect(await findPip({run, ...rest})).to.deep.equal({command: '/tmp/work/venv/bin/python', args: ['-m', 'pip']})
    expect(calls.map(({args}) => args.join(' '))).to.deep.equal(['-m pip --version', '-m venv /tmp/work/venv'])
  })

  it('takes a command that is only named python', async () => {
    const {run} = recordingRunner(({command}) => (command === 'python' ? SUCCEEDED : NOT_THERE))
    expect(await findPip({run, ...rest})).to.include({command: 'python'})
  })

  it('names the package to install where neither works, and why', async () => {
    const {run} = recordingRunner((call) => ({
      ...FAILED,
      stderr: isVenv(call) ? 'ensurepip is not available' : '/usr/bin/python3: No module named pip',
    }))
    const error = await failureOf(findPip({run, ...rest}))
    expect(error.code).to.equal('UNSUPPORTED_OPERATION')
    expect(error.message).to.contain('No module named pip').and.to.contain('ensurepip is not available')
    expect(error.suggestions[0]).to.equal('sudo apt-get install python3-pip')
  })

  it('names Python too where there is none', async () => {
    const {run} = recordingRunner(() => NOT_THERE)
    const error = await failureOf(findPip({run, ...rest}))
    expect(error.message).to.contain('no python3 on the PATH')
    expect(error.suggestions).to.deep.equal(['sudo apt-get install python3 python3-pip'])
  })
})

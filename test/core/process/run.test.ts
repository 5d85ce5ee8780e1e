import {expect} from 'chai'

import {NpuBridgeError} from '../../../src/core/errors.ts'
import {lastLines, runProcess} from '../../../src/core/process/run.ts'
import {failureOf} from '../../support/failure.ts'

const node = process.execPath

describe('runProcess', () => {
  it('gives exit code and both outputs', async () => {
    const script = 'console.log("out"); console.error("err"); process.exitCode = 3'
    expect(await runProcess(node, ['-e', script])).to.include({
      exitCode: 3,
      signal: null,
      stdout: 'out',
      stderr: 'err',
      startError: null,
      timedOut: false,
    })
  })

  it('tells the signal that ended the child', async () => {
    expect(await runProcess(node, ['-e', 'process.kill(process.pid, "SIGSEGV")'])).to.include({signal: 'SIGSEGV'})
  })

  it('tells that a command does not exist', async () => {
    const outcome = await runProcess('npubridge-no-such-command', [])
    expect(outcome.startError).to.match(/ENOENT/)
    expect(outcome.exitCode).to.equal(null)
  })

  it('stops a child that takes too long', async () => {
    const outcome = await runProcess(node, ['-e', 'setInterval(() => {}, 1000)'], {timeoutMs: 300})
    expect(outcome.timedOut).to.equal(true)
  })

  it('keeps file descriptor 3 apart from stdout, however much is written to it', async () => {
    const script = 'console.log("noise"); fs.writeFileSync(3, "x".repeat(1_000_000))'
    const outcome = await runProcess(node, ['-e', script], {channel: true})
    expect(outcome.channel).to.have.length(1_000_000)
    expect(outcome.stdout).to.equal('noise')
  })

  it('hands over each line of both outputs', async () => {
    const lines: string[] = []
    const onLine = (line: string) => {
      lines.push(line)
    }

    await runProcess(node, ['-e', String.raw`console.log("a\nb"); console.error("c")`], {onLine})
    expect(lines).to.have.members(['a', 'b', 'c'])
  })

  it('adds variables to the environment', async () => {
    const outcome = await runProcess(node, ['-p', 'process.env.NPUBRIDGE_TEST'], {env: {NPUBRIDGE_TEST: 'yes'}})
    expect(outcome.stdout).to.equal('yes')
  })

  it('rejects with CANCELLED when aborted, and with the given reason', async () => {
    const controller = new AbortController()
    const reason = new NpuBridgeError('CANCELLED', 'stopped by the test')
    setTimeout(() => {
      controller.abort(reason)
    }, 200)
    const child = runProcess(node, ['-e', 'setInterval(() => {}, 1000)'], {signal: controller.signal})
    expect(await failureOf(child)).to.equal(reason)
    expect((await failureOf(runProcess(node, ['-v'], {signal: controller.signal}))).code).to.equal('CANCELLED')
  })

  describe('lastLines', () => {
    it('skips empty lines', () => {
      expect(lastLines('a\n\nb  \n  c\n\n', 2)).to.deep.equal(['b', '  c'])
    })
  })
})

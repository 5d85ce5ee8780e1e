import {expect} from 'chai'
import path from 'node:path'

import {runProcess} from '../../src/core/process/run.ts'

const TASKS = path.resolve(import.meta.dirname, '..', '..', 'src', 'ui', 'tasks.ts')

/** Runs `body` with a task list `tasks` in a process of its own, whose stderr is no terminal. */
async function shown(body: string, isSilent = false) {
  const script = `
    import {TaskList} from ${JSON.stringify(TASKS)}
    const tasks = new TaskList({silent: ${isSilent}, titleOf: (step) => 'Do ' + step})
    const on = (type, step, more) => tasks.onEvent({type, step, ...more})
    ${body}
    await tasks.close()
    console.log('after')`
  return runProcess(process.execPath, ['--input-type=module', '-e', script])
}

describe('TaskList', () => {
  it('shows each step with its outcome, as plain lines on stderr', async () => {
    const {stdout, stderr} = await shown(`
      on('started', 'a'); on('finished', 'a', {detail: 'two files'})
      on('started', 'b'); on('finished', 'b', {detail: ''})`)
    expect(stdout).to.equal('after')
    expect(stderr.split('\n').map((line) => line.trimEnd())).to.deep.equal([
      '❯ Do a',
      '✔ Do a — two files',
      '❯ Do b',
      '✔ Do b',
    ])
  })

  it('shows notes but no progress where nothing can move', async () => {
    const {stderr} = await shown(`
      on('started', 'a')
      await new Promise((resolve) => setTimeout(resolve, 100))
      on('advanced', 'a', {doneBytes: 1, totalBytes: 2})
      on('noted', 'a', {text: 'pip says'})
      on('finished', 'a', {detail: ''})`)
    expect(stderr).to.contain('› pip says').and.to.not.contain('of 2 B')
  })

  it('marks a step that failed, and one that never ended', async () => {
    expect((await shown("on('started', 'a'); on('failed', 'a')")).stderr).to.contain('✖ Do a')
    expect((await shown("on('started', 'a')")).stderr).to.contain('✖ Do a')
  })

  it('shows nothing when silent', async () => {
    const {stdout, stderr} = await shown("on('started', 'a'); on('finished', 'a', {detail: ''})", true)
    expect([stdout, stderr]).to.deep.equal(['after', ''])
  })
})

import {expect} from 'chai'
import {execa} from 'execa'
import path from 'node:path'

const TASKS = path.resolve(import.meta.dirname, '../../src/ui/migrate-tasks.ts')

/** What a process of its own writes to stdout and stderr when it shows these events. */
async function shown(events: readonly object[], silent = false): Promise<{stdout: string; stderr: string}> {
  const script = `
    const {MigrateTasks} = await import(${JSON.stringify(TASKS)})
    const tasks = new MigrateTasks({silent: ${silent}})
    for (const event of ${JSON.stringify(events)}) tasks.onEvent(event)
    await tasks.close()
    await tasks.close()`
  const {stdout, stderr} = await execa(process.execPath, ['--input-type=module', '-e', script], {env: {NO_COLOR: '1'}})
  return {stdout, stderr}
}

const phase = (name: string, state: 'done' | 'started') => ({type: 'phase', phase: name, state})
const WARNING = {type: 'warning', message: 'the lock could not be removed: EIO'}

describe('the tasks of a migration', () => {
  it('are shown on stderr, line by line where nobody watches, each when it begins and when it ends', async () => {
    const events = [
      phase('scan', 'started'),
      {type: 'progress', phase: 'scan', done: 3, total: null},
      phase('scan', 'done'),
    ]
    const {stdout, stderr} = await shown(events)
    expect(stdout).to.equal('')
    expect(stderr.split('\n')).to.deep.equal(['❯ Scan the tree', '✔ Scan the tree'])
  })

  it('fail when another begins in the middle, and when they are closed', async () => {
    const {stderr} = await shown([phase('apply', 'started'), phase('rollback', 'started')])
    expect(stderr).to.match(/✖ Apply.*\n❯ Take everything back\n✖ Take everything back/)
  })

  it('tell each warning once, after everything else, also beside JSON', async () => {
    const {stderr} = await shown([phase('apply', 'started'), WARNING, phase('apply', 'done')])
    expect(stderr.split('\n')).to.deep.equal(['❯ Apply', '✔ Apply', `! ${WARNING.message}`])
    expect(await shown([phase('apply', 'started'), WARNING], true)).to.deep.equal({
      stdout: '',
      stderr: `! ${WARNING.message}`,
    })
  })
})

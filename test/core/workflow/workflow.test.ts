import {expect} from 'chai'
import {randomUUID} from 'node:crypto'
import {writeFile} from 'node:fs/promises'
import path from 'node:path'
import {setTimeout as sleep} from 'node:timers/promises'

import {type PrepareOptions, prepareWorkflow, runWorkflow} from '../../../src/core/workflow/workflow.ts'
import {rejectionOf} from '../run/expect-error.ts'
import {temporaryFolder} from '../run/temporary-folder.ts'
import {noEngine} from './run.ts'

const TASKS = '[{id: a, agent: w}, {id: b, agent: w}, {id: c, agent: w}, {id: d, agent: w}]'

describe('workflows of one process', () => {
  const folder = temporaryFolder()
  const prepare = async (text: string, options: Partial<PrepareOptions> = {}) => {
    const file = path.join(folder(), `${randomUUID()}.yaml`)
    await writeFile(file, text)
    return prepareWorkflow({file, openEngine: noEngine, ...options})
  }

  it('share the places of the configuration', async () => {
    const most = async (config: PrepareOptions['config']) => {
      let running = 0
      let seen = 0
      const w = async () => {
        running++
        seen = Math.max(seen, running)
        await sleep(5)
        running--
      }

      const run = async () => {
        const prepared = await prepare(`agents: {w: {}}\ntasks: ${TASKS}`, {callbacks: {w}, config: config!})
        return runWorkflow({journal: null, openEngine: noEngine, prepared})
      }

      const reports = await Promise.all([run(), run()])
      expect(reports.map(({completed}) => completed)).to.deep.equal([4, 4])
      return seen
    }

    expect(await most({})).to.be.greaterThan(3)
    expect(await most({workflow: {max_parallel: 3}})).to.equal(3)
    expect(await most({workflow: {max_parallel: 1}})).to.equal(1)
  })

  it('compare agents as the configuration says, unless the workflow or its mode does', async () => {
    const text = (more: string) =>
      `agents: {cook: {description: boils eggs}}\n${more}tasks: [{id: a, description: egg}]`
    const config = {routing: {method: 'semantic'}} as const
    const asked = async (more: string) => prepare(text(more), {config})
    await rejectionOf(asked(''), 'DEVICE_UNAVAILABLE', 'this test has no engine')
    for (const more of ['routing: {method: lexical}\n', 'mode: performance_first\n']) {
      const {plan} = await asked(more)
      expect(plan.tasks[0]).to.deep.include({agent: 'cook'})
      expect(plan.tasks[0]!.routing!.method).to.equal('lexical')
    }
  })
})

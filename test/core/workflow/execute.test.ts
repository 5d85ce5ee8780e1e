import {expect} from 'chai'
import {setTimeout as sleep} from 'node:timers/promises'

import type {TaskContext} from '../../../src/core/agents/agent.ts'

import {readAgents} from '../../../src/core/agents/registry.ts'
import {NpuBridgeError} from '../../../src/core/errors.ts'
import {Slots} from '../../../src/core/workflow/slots.ts'
import {rejectionOf} from '../run/expect-error.ts'
import {planOf, runWith} from './run.ts'

const fail = () => {
  throw new NpuBridgeError('INVALID_ARGUMENT', 'it broke')
}

describe('executeWorkflow', () => {
  it('hands outputs on in the order of dependencies', async () => {
    const {report, settled} = await runWith(
      {
        tasks: [
          {id: 'sum', agent: 'adder', inputs: {a: 'one', b: 'two.value'}},
          {id: 'one', agent: 'counter'},
          {id: 'two', agent: 'nested'},
        ],
      },
      {
        adder: ({inputs}) => (inputs.a as number) + (inputs.b as number),
        counter: () => 1,
        nested: () => ({value: 2}),
      },
    )
    expect(settled.map(({output, task}) => [task, output])).to.deep.equal([
      ['one', 1],
      ['two', {value: 2}],
      ['sum', 3],
    ])
    expect(report).to.include({total: 3, completed: 3, failed: 0, successRate: 1, interrupted: false})
    expect(report.criticalPath.at(-1)).to.equal('sum')
    expect(report.elapsedUs).to.equal(report.activeUs + report.overheadUs)
  })

  it('finds the agent of a task that names none by its words', async () => {
    const {settled} = await runWith(
      {
        agents: {reader: {description: 'reads books aloud'}, cook: {description: 'boils and fries'}},
        tasks: [{id: 'a', description: 'boil an egg'}],
      },
      {cook: ({agent}) => agent, reader: ({agent}) => agent},
    )
    expect(settled[0]).to.include({agent: 'cook', output: 'cook'})
  })

  it('refuses unknown agents and tasks that no agent fits', async () => {
    const unknown = await rejectionOf(
      planOf({tasks: [{id: 'a', agent: 'coook'}]}, {cook: fail}),
      'INVALID_ARGUMENT',
      /for the agent "coook"/,
    )
    expect(unknown.suggestions[0]).to.equal('did you mean "cook"?')
    await rejectionOf(
      planOf({tasks: [{id: 'a', description: 'zzz'}]}, {cook: fail}),
      'INVALID_ARGUMENT',
      'no agent fits task "a": "zzz"',
    )
    const {tasks} = await planOf(
      {mode: 'intelligent_routing', tasks: [{id: 'a', agent: 'nobody', description: 'cook'}]},
      {cook: fail},
    )
    expect(tasks[0]!.agent).to.equal('cook')
  })

  it('says that a task was routed where its agent does nothing', async () => {
    const {report, statuses} = await runWith(
      {
        agents: {idle: {}},
        tasks: [
          {id: 'a', agent: 'idle'},
          {id: 'b', agent: 'busy', dependencies: ['a']},
        ],
      },
      {busy: () => 1},
    )
    expect(statuses).to.deep.equal({a: 'routed', b: 'completed'})
    expect(report).to.include({completed: 1, routed: 1})
  })

  it('does what the failure policy says', async () => {
    const tasks = [
      {id: 'a', agent: 'bad'},
      {id: 'b', agent: 'good', dependencies: ['a']},
      {id: 'c', agent: 'good', dependencies: ['b']},
      {id: 'd', agent: 'good', priority: 90},
    ]
    const run = async (on_failure: 'continue' | 'skip_dependents' | 'stop') =>
      (await runWith({tasks, on_failure, max_parallel: 1}, {bad: fail, good: () => 1})).statuses
    expect(await run('skip_dependents')).to.deep.equal({a: 'failed', b: 'skipped', c: 'skipped', d: 'completed'})
    expect(await run('continue')).to.deep.equal({a: 'failed', b: 'completed', c: 'completed', d: 'completed'})
    expect(await run('stop')).to.deep.equal({a: 'failed', b: 'cancelled', c: 'cancelled', d: 'cancelled'})
  })

  it('tells why a task failed or was skipped', async () => {
    const {settled} = await runWith(
      {
        tasks: [
          {id: 'a', agent: 'bad'},
          {id: 'b', agent: 'bad', dependencies: ['a']},
        ],
      },
      {bad: fail},
    )
    expect(settled[0]!.error).to.include({code: 'INVALID_ARGUMENT', message: 'it broke'})
    expect(settled[1]!.reason).to.equal('its dependency "a" failed')
  })

  it('tries again as often as it may', async () => {
    const attempts: number[] = []
    const flaky = ({attempt}: TaskContext) => {
      attempts.push(attempt)
      if (attempt < 3) fail()
      return 'ok'
    }

    const {events, statuses} = await runWith({tasks: [{id: 'a', agent: 'flaky', retries: 2}]}, {flaky})
    expect(attempts).to.deep.equal([1, 2, 3])
    expect(statuses).to.deep.equal({a: 'completed'})
    expect(events.filter(({type}) => type === 'task_retried')).to.have.length(2)
    attempts.length = 0
    expect((await runWith({tasks: [{id: 'a', agent: 'flaky', retries: 1}]}, {flaky})).statuses).to.deep.equal({
      a: 'failed',
    })
  })

  it('leaves out what its condition excludes, and goes on', async () => {
    const {settled, statuses} = await runWith(
      {
        tasks: [
          {id: 'count', agent: 'three'},
          {id: 'many', agent: 'three', when: 'count.output > 10'},
          {id: 'few', agent: 'three', when: 'count.output <= 10 and count.status == "completed"'},
          {id: 'end', agent: 'three', dependencies: ['many', 'few']},
        ],
      },
      {three: () => 3},
    )
    expect(statuses).to.deep.equal({count: 'completed', many: 'skipped', few: 'completed', end: 'completed'})
    expect(settled.find(({task}) => task === 'many')!.reason).to.equal('its condition does not hold')
  })

  it('keeps the limits of workflow, agent and program', async () => {
    const most: Record<string, number> = {}
    const running: Record<string, number> = {}
    const busy = async ({agent}: TaskContext) => {
      for (const key of [agent, 'all']) {
        running[key] = (running[key] ?? 0) + 1
        most[key] = Math.max(most[key] ?? 0, running[key])
      }

      await sleep(5)
      for (const key of [agent, 'all']) running[key]!--
    }

    const tasks = Array.from({length: 12}, (_, index) => ({id: `t${index}`, agent: index % 2 ? 'a' : 'b'}))
    const definition = {agents: {a: {max_parallel: 1}}, max_parallel: 4, tasks}
    await runWith(definition, {a: busy, b: busy})
    expect(most).to.deep.equal({a: 1, all: 4, b: most.b})
    most.all = 0
    await runWith(definition, {a: busy, b: busy}, {slots: new Slots(2)})
    expect(most.all).to.equal(2)
  })

  it('starts the urgent first, and what the urgent waits for', async () => {
    const order: string[] = []
    const note = ({taskId}: TaskContext) => {
      order.push(taskId)
    }

    await runWith(
      {
        max_parallel: 1,
        tasks: [
          {id: 'usual', agent: 'n'},
          {id: 'late', agent: 'n', priority: 90},
          {id: 'first', agent: 'n', priority: 80},
          {id: 'urgent', agent: 'n', priority: 1, dependencies: ['first']},
        ],
      },
      {n: note},
    )
    expect(order).to.deep.equal(['first', 'urgent', 'usual', 'late'])
  })

  it('gives up what takes longer than it may, and what comes too late', async () => {
    const {settled} = await runWith(
      {tasks: [{id: 'a', agent: 'slow', timeout_ms: 10}]},
      {slow: async () => sleep(5000, null, {ref: false})},
    )
    expect(settled[0]!.error).to.include({code: 'DEADLINE_EXCEEDED'})
    let now = 0
    const late = await runWith(
      {
        tasks: [
          {id: 'a', agent: 'work'},
          {id: 'b', agent: 'work', dependencies: ['a'], deadline_ms: 5},
        ],
      },
      {work: () => (now += 10_000)},
      {nowUs: () => now},
    )
    expect(late.settled[1]!.error!.message).to.equal(
      'task "b" could start only 10 ms after the workflow, its deadline is 5 ms',
    )
  })

  it('stops when it is told to', async () => {
    const controller = new AbortController()
    const {report, statuses} = await runWith(
      {
        tasks: [
          {id: 'a', agent: 'stopper'},
          {id: 'b', agent: 'stopper', dependencies: ['a']},
        ],
      },
      {
        async stopper() {
          controller.abort(new NpuBridgeError('CANCELLED', 'interrupted'))
          await sleep(5000, null, {ref: false})
        },
      },
      {signal: controller.signal},
    )
    expect(statuses).to.deep.equal({a: 'failed', b: 'cancelled'})
    expect(report.interrupted).to.equal(true)
  })

  it('runs nothing again that is done, and knows its output', async () => {
    const ran: string[] = []
    const {report, settled} = await runWith(
      {
        tasks: [
          {id: 'a', agent: 'n'},
          {id: 'b', agent: 'n', inputs: {x: 'a'}},
        ],
      },
      {
        n({inputs, taskId}) {
          ran.push(taskId)
          return inputs.x
        },
      },
      {done: new Map([['a', 'from before']])},
    )
    expect(ran).to.deep.equal(['b'])
    expect(settled.map(({output, task}) => [task, output])).to.deep.equal([['b', 'from before']])
    expect(report).to.include({completed: 2, resumed: 1})
  })

  it('names a cycle and refuses it, unless it may be broken', async () => {
    const tasks = [
      {id: 'a', agent: 'n', dependencies: ['b']},
      {id: 'b', agent: 'n', dependencies: ['a'], priority: 1},
    ]
    await rejectionOf(runWith({tasks}, {n: () => 1}), 'INVALID_ARGUMENT', 'tasks wait for each other: "a" → "b" → "a"')
    await rejectionOf(
      runWith({tasks: [{id: 'a', agent: 'n', dependencies: ['a']}]}, {n: () => 1}),
      'INVALID_ARGUMENT',
      'tasks wait for each other: "a" → "a"',
    )
    const {settled} = await runWith({tasks}, {n: () => 1}, {breakCycles: true})
    expect(settled.map(({task}) => task)).to.deep.equal(['b', 'a'])
  })

  it('fails the tasks of an agent that is gone meanwhile', async () => {
    let isGone = false
    const callbacks = {x: () => (isGone = true), y: () => 1}
    const {settled} = await runWith(
      {
        tasks: [
          {id: 'a', agent: 'x'},
          {id: 'b', agent: 'y', dependencies: ['a']},
        ],
      },
      callbacks,
      {currentAgents: () => readAgents({callbacks: isGone ? {x: callbacks.x} : callbacks})},
    )
    expect(settled[1]!.error!.message).to.match(/^the agent "y" of task "b" is gone/)
  })

  it('runs a chain of 100,000 tasks', async () => {
    const tasks = Array.from({length: 100_000}, (_, index) => ({
      id: `t${index}`,
      agent: 'idle',
      ...(index > 0 && {dependencies: [`t${index - 1}`]}),
    }))
    const {report} = await runWith({agents: {idle: {}}, tasks}, {})
    expect(report).to.include({routed: 100_000, total: 100_000})
  })
})

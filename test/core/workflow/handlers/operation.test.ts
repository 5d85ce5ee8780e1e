import {expect} from 'chai'

import type {OperationHandler, TaskContext} from '../../../../src/core/agents/agent.ts'
import type {Engine} from '../../../../src/core/engine/engine.ts'

import {runOperation} from '../../../../src/core/workflow/handlers/operation.ts'
import {requireNative, startNative} from '../../../support/native.ts'
import {rejectionOf} from '../../run/expect-error.ts'
import {runWith} from '../run.ts'

const CONTEXT: TaskContext = {
  agent: 'worker',
  attempt: 1,
  description: 'a text with {inputs.name}',
  inputs: {name: 'n m', matrix: {data: [1, 2, 3, 4], shape: [2, 2]}},
  signal: new AbortController().signal,
  taskId: 't1',
  workflowId: 'w',
}

describe('runOperation', () => {
  let engine: Engine

  before(async function () {
    engine = await startNative(await requireNative(this))
  })

  after(async () => engine.shutdown())

  const run = async (template: OperationHandler['template'], changes: Partial<TaskContext> = {}) =>
    runOperation({kind: 'operation', folder: '.', template}, {...CONTEXT, ...changes}, engine)

  it('puts the task into the texts of its operation, and never looks at them again', async () => {
    const {data} = await run({type: 'echo', data: {told: ['{task_id}: {description}'], all: '{inputs.name}!'}})
    expect(data).to.deep.equal({told: ['t1: a text with {inputs.name}'], all: 'n m!'})
  })

  it('hands an input on as it is', async () => {
    const {device, outputs} = await run({
      type: 'matrix_multiply',
      inputs: {a: '{inputs.matrix}', b: {data: [2, 0, 0, 2], shape: [2, 2]}},
    })
    const [product] = Object.values(outputs!)
    expect(product).to.deep.equal({data: [2, 4, 6, 8], shape: [2, 2]})
    expect(device).to.equal('CPU')
  })

  it('fails for what the operation or the task lacks', async () => {
    await rejectionOf(
      run({type: 'echo', data: '{inputs.nobody}'}),
      'INVALID_ARGUMENT',
      /task "t1" has no input "nobody"/,
    )
    await rejectionOf(run({type: 'ecko', data: 1}), 'UNSUPPORTED_OPERATION', /ecko/)
    await rejectionOf(run({type: 'inference', model: 'no-such-model', inputs: {}}), 'MODEL_NOT_FOUND', /no-such-model/)
  })

  it('gives no output of more numbers than a task may hand on', async () => {
    const ones = {data: Array.from({length: 1001}, () => 1)}
    await rejectionOf(
      run({
        type: 'matrix_multiply',
        inputs: {a: {...ones, shape: [1001, 1]}, b: {...ones, shape: [1, 1001]}},
      }),
      'RESOURCE_EXHAUSTED',
      /has 1002001 numbers/,
    )
  })

  it('does the tasks of agents in a workflow, beside functions', async () => {
    const {settled} = await runWith(
      {
        agents: {multiplier: {operation: {type: 'matrix_multiply', inputs: {a: '{inputs.left}', b: '{inputs.right}'}}}},
        tasks: [
          {id: 'product', agent: 'multiplier', inputs: {left: 'two', right: 'three'}},
          {id: 'two', agent: 'matrix', description: '2'},
          {id: 'three', agent: 'matrix', description: '3'},
        ],
      },
      {matrix: ({description}) => ({data: [Number(description)], shape: [1, 1]})},
      {openEngine: async () => engine},
    )
    const {output, status} = settled.at(-1)!
    expect(status).to.equal('completed')
    expect(Object.values((output as {outputs: object}).outputs)).to.deep.equal([{data: [6], shape: [1, 1]}])
  })
})

import {expect} from 'chai'

import {type BenchRequest, chooseSuites, planBench} from '../../../src/core/bench/plan.ts'
import {NpuBridgeError} from '../../../src/core/errors.ts'
import {failureOf} from '../../support/failure.ts'
import {makeFolder, removeFolder} from '../../support/folder.ts'

const REQUEST: BenchRequest = {device: 'auto', engine: 'auto', 'force-baseline': false, quick: false}

describe('planning a benchmark', () => {
  it('takes what the user set in place of what it does otherwise', async () => {
    const full = await planBench(REQUEST)
    const quick = await planBench({...REQUEST, quick: true})
    expect(quick.effort.rounds).to.be.below(full.effort.rounds)
    const own = await planBench({...REQUEST, quick: true, runs: 7, duration: '200ms'})
    const load = {...quick.effort.load, durationMs: 200}
    expect(own.effort).to.deep.equal({...quick.effort, load, rounds: 7, processes: 7, roundMs: 200})
  })

  it('passes on what the accelerated side is to be', async () => {
    expect((await planBench({...REQUEST, device: 'cpu', runtime: '/opt/x'})).selection).to.deep.include({
      device: 'cpu',
      engine: 'auto',
      runtime: '/opt/x',
    })
  })

  it('refuses a regression check that has nothing to compare with', async () => {
    const {message} = await failureOf(planBench({...REQUEST, 'fail-on-regression': '5%'}))
    expect(message).to.equal('--fail-on-regression has nothing to compare with')
  })

  it('finds out before that there is no baseline and no other build', async () => {
    const folder = await makeFolder()
    try {
      expect((await failureOf(planBench({...REQUEST, baseline: `${folder}/x.json`}))).message).to.contain('no baseline')
      const {message, suggestions} = await failureOf(planBench({...REQUEST, against: folder}))
      expect(message).to.contain(`there is no build of npubridge in ${folder}`)
      expect(suggestions[0]).to.contain(`npm --prefix ${folder} run build`)
    } finally {
      await removeFolder(folder)
    }
  })
})

describe('planning with files', () => {
  it('finds out before that there is no old module and no model', async () => {
    const legacy = await failureOf(planBench({...REQUEST, legacy: '/nowhere/npu_coordination_bridge.py'}))
    expect(legacy.code).to.equal('INVALID_ARGUMENT')
    expect(legacy.message).to.contain('/nowhere/npu_coordination_bridge.py')
    const model = await failureOf(planBench({...REQUEST, model: '/nowhere/model.onnx'}))
    expect(model.code).to.equal('MODEL_NOT_FOUND')
    expect(model.message).to.contain('/nowhere/model.onnx')
  })
})

describe('choosing suites', () => {
  it('takes all when none is named, in their order', () => {
    expect(chooseSuites([]).map(({name}) => name)).to.deep.equal([
      'coordination',
      'load',
      'workflow',
      'routing',
      'signal',
      'inference',
      'serve',
      'saturation',
      'python',
      'startup',
      'memory',
    ])
    expect(chooseSuites(['memory', 'workflow']).map(({name}) => name)).to.deep.equal(['workflow', 'memory'])
  })

  it('suggests what an unknown name was meant to be', () => {
    expect(() => chooseSuites(['cordination']))
      .to.throw(NpuBridgeError, 'there is no suite "cordination"')
      .with.property('suggestions')
      .that.includes('did you mean "coordination"?')
  })
})

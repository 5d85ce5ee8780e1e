import {expect} from 'chai'
import fc from 'fast-check'

import {type Candidate, place} from '../../../../src/core/cluster/placement/place.ts'

function node(name: string, given: Partial<Candidate> = {}): Candidate {
  return {
    agents: new Set(),
    capacity: 8,
    devices: new Set(['cpu']),
    isOpen: true,
    load: 0,
    models: new Set(),
    name,
    throttled: new Set(),
    ...given,
  }
}

const minilm = {device: 'auto', model: 'minilm'} as const

describe('placement', () => {
  it('leaves what any node can run to whoever is free first', () => {
    expect(place({device: 'auto'}, [node('a'), node('b')])).to.deep.equal({reason: 'shared', requirement: 'any'})
    expect(place(minilm, [node('a'), node('b')])?.requirement).to.equal('any')
  })

  it('goes where the model is, unless that node is much busier than another one', () => {
    const warm = {models: new Set(['minilm'])}
    expect(place(minilm, [node('a'), node('b', {...warm, load: 1})])?.requirement).to.deep.equal({node: 'b'})
    expect(place(minilm, [node('a'), node('b', {...warm, load: 1.1})])?.requirement).to.equal('any')
    expect(
      place(minilm, [node('a', {...warm, load: 0.5}), node('b', {...warm, load: 0.2})])?.requirement,
    ).to.deep.equal({
      node: 'b',
    })
  })

  it('counts a node whose device is throttled as busier', () => {
    const warm = {devices: new Set(['cpu', 'npu']), models: new Set(['minilm'])}
    const hot = node('a', {...warm, throttled: new Set(['npu'])})
    expect(place(minilm, [hot, node('b', {...warm, load: 0.5})])?.requirement).to.deep.equal({node: 'b'})
    // Its CPU is as cool as ever.
    expect(place({...minilm, device: 'cpu'}, [hot, node('b', {...warm, load: 0.5})])?.requirement).to.deep.equal({
      node: 'a',
    })
  })

  it('asks for a device, and tells where no node has it', () => {
    const nodes = [node('a'), node('b', {devices: new Set(['cpu', 'npu'])})]
    expect(place({device: 'npu'}, nodes)?.requirement).to.deep.equal({device: 'npu'})
    expect(place({device: 'gpu'}, nodes)).to.equal(undefined)
    expect(place({device: 'npu'}, [nodes[0]!, {...nodes[1]!, isOpen: false}])).to.equal(undefined)
    expect(place({device: 'auto'}, [])).to.equal(undefined)
  })

  it('keeps a stream on its node for as long as that one takes work', () => {
    const busy = node('b', {load: 9})
    expect(place({...minilm, pinned: 'b'}, [node('a'), busy])?.requirement).to.deep.equal({node: 'b'})
    expect(place({...minilm, pinned: 'b'}, [node('a'), {...busy, isOpen: false}])?.requirement).to.equal('any')
  })

  it('gives the task of an agent to the least busy node that runs it', () => {
    const nodes = [node('a'), ...[0.7, 0.2, 0.5].map((load, i) => node(`b${i}`, {agents: new Set(['tester']), load}))]
    expect(place({agent: 'tester', device: 'auto'}, nodes)?.requirement).to.deep.equal({node: 'b1'})
    expect(place({agent: 'director', device: 'auto'}, nodes)).to.equal(undefined)
  })

  it('never takes a node that is closed, lacks the device or lacks the agent', () => {
    const names = fc.subarray(['cpu', 'npu', 'gpu'])
    const candidates = fc.array(
      fc.record({
        agent: fc.boolean(),
        devices: names,
        isOpen: fc.boolean(),
        load: fc.double({max: 5, min: 0, noNaN: true}),
        warm: fc.boolean(),
      }),
      {maxLength: 20},
    )
    const device = fc.constantFrom('auto', 'cpu', 'npu', 'gpu')
    fc.assert(
      fc.property(candidates, device, fc.boolean(), (list, wanted, wantsAgent) => {
        const nodes = list.map(({agent, devices, isOpen, load, warm}, i) =>
          node(`n${i}`, {
            agents: new Set(agent ? ['x'] : []),
            devices: new Set(devices),
            isOpen,
            load,
            models: new Set(warm ? ['minilm'] : []),
          }),
        )
        const fits = (each: Candidate) =>
          each.isOpen && (wanted === 'auto' || each.devices.has(wanted)) && (!wantsAgent || each.agents.has('x'))
        const placement = place({...minilm, agent: wantsAgent ? 'x' : undefined, device: wanted}, nodes)
        expect(placement === undefined).to.equal(!nodes.some(fits))
        if (typeof placement?.requirement === 'object' && 'node' in placement.requirement) {
          const {node: name} = placement.requirement
          expect(fits(nodes.find((each) => each.name === name)!)).to.equal(true)
        }
      }),
    )
  })
})

import {expect} from 'chai'

import {graphOf} from '../../../src/core/dashboard/graph.ts'

describe('the graph of a workflow', () => {
  it('puts each task behind what it waits for', () => {
    const {edges, levels} = graphOf([
      {id: 'a', dependencies: []},
      {id: 'b', dependencies: ['a', 'a', 'nobody', 'b']},
      {id: 'c', dependencies: ['a']},
      {id: 'd', dependencies: ['b', 'c']},
    ])
    expect(levels).to.deep.equal([[0], [1, 2], [3]])
    expect(edges).to.deep.equal([
      [0, 1],
      [0, 2],
      [1, 3],
      [2, 3],
    ])
  })

  it('draws cycles, too', () => {
    const {levels} = graphOf([
      {id: 'a', dependencies: ['b']},
      {id: 'b', dependencies: ['a']},
    ])
    expect(levels).to.deep.equal([[0], [1]])
  })
})

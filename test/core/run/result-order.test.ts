import {expect} from 'chai'
import fc from 'fast-check'

import {ResultOrder} from '../../../src/core/run/result-order.ts'

/** What can be taken after each of `places` was put, all opened beforehand. */
function takenAfter(places: readonly number[], unordered: boolean): string[] {
  const order = new ResultOrder<string>(unordered)
  Array.from(places, () => order.open())
  return places.map((place) => {
    order.put(place, String(place))
    let taken = ''
    for (let result = order.take(); result !== undefined; result = order.take()) taken += result
    return taken
  })
}

describe('ResultOrder', () => {
  it('holds results back until all before them are there', () => {
    expect(takenAfter([2, 0, 1, 3], false)).to.deep.equal(['', '0', '12', '3'])
  })

  it('gives results as they come when order does not matter', () => {
    expect(takenAfter([2, 0, 1, 3], true)).to.deep.equal(['2', '0', '1', '3'])
  })

  it('gives every result once, in order, however they come', () => {
    const permutations = fc.nat({max: 50}).chain((length) =>
      fc.shuffledSubarray(
        Array.from({length}, (_, index) => index),
        {maxLength: length, minLength: length},
      ),
    )
    fc.assert(
      fc.property(permutations, (places) => {
        const order = new ResultOrder<number>(false)
        const taken: number[] = []
        for (const place of places) order.put(place, place)
        for (let result = order.take(); result !== undefined; result = order.take()) taken.push(result)
        expect(taken).to.deep.equal(places.toSorted((a, b) => a - b))
      }),
    )
  })
})

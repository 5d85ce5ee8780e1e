import {expect} from 'chai'

import {findTones} from '../../../src/core/signal/tones.ts'

describe('tones between the lines of a spectrum', () => {
  it('are found with frequency and amplitude', () => {
    const fs = 1000
    const samples = Float64Array.from({length: 2000}, (_, k) => 0.3 * Math.sin((2 * Math.PI * 123.45 * k) / fs))
    // A spectrum of lines 10 Hz apart with one that stands out.
    const frequencies = Float64Array.from({length: 51}, (_, k) => k * 10)
    const psd = frequencies.map((frequency) => (frequency === 120 ? 1 : 1e-6))
    const [tone, ...others] = findTones(samples, psd, frequencies, fs)
    expect(others).to.deep.equal([])
    expect(tone!.frequency).to.be.closeTo(123.45, 0.01)
    expect(tone!.amplitude).to.be.closeTo(0.3, 0.003)
  })

  it('are none in a flat spectrum', () => {
    expect(findTones([1, 0, 1, 0], [1, 1, 1, 1], [0, 1, 2, 3], 8)).to.deep.equal([])
  })
})

import {expect} from 'chai'

import {segmentsOf} from '../../../src/core/framing/segments.ts'

/** Frames of 0.1 s at 10 Hz, so that a frame is one sample; nothing is widened unless a test says so. */
const found = (probabilities: number[], asked: Partial<Parameters<typeof segmentsOf>[2]> = {}) =>
  segmentsOf(
    probabilities,
    {length: 1, total: probabilities.length},
    {fs: 10, speech_pad_ms: 0, min_speech_duration_ms: 0, ...asked},
  ).map(({end, start}) => [Math.round(start * 10), Math.round(end * 10)])

describe('segmentsOf', () => {
  it('begins at the threshold and ends below the lower one', () => {
    expect(found([0, 0.4, 0.5, 0.4, 0.36, 0.3, 0.3, 0])).to.deep.equal([[2, 5]])
    expect(found([0, 0.6, 0.4, 0.3, 0], {neg_threshold: 0.45})).to.deep.equal([[1, 2]])
  })

  it('bears a short silence', () => {
    expect(found([1, 0, 1, 0, 0, 1])).to.deep.equal([
      [0, 3],
      [5, 6],
    ])
    expect(found([1, 0, 0, 0, 1], {min_silence_duration_ms: 300})).to.deep.equal([[0, 5]])
  })

  it('leaves out what is too short', () => {
    expect(found([1, 0, 0, 1, 1, 1, 0, 0], {min_speech_duration_ms: 200})).to.deep.equal([[3, 6]])
    expect(found([])).to.deep.equal([])
    expect(found([0, 0.49])).to.deep.equal([])
  })

  it('widens segments, but neither beyond the recording nor into each other', () => {
    expect(found([1, 1, 0, 0, 0, 0, 0, 0, 1, 1], {speech_pad_ms: 200})).to.deep.equal([
      [0, 4],
      [6, 10],
    ])
    expect(found([0, 1, 1, 0, 0, 1, 1], {speech_pad_ms: 500})).to.deep.equal([
      [0, 4],
      [4, 7],
    ])
  })
})

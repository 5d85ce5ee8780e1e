import {expect} from 'chai'

import {CSV_HEADER, renderWatchCsv, renderWatchHeader, renderWatchSample} from '../../src/ui/probe-watch.ts'

describe('telemetry as text', () => {
  const sample = {
    frequencyMhz: 1400,
    maxFrequencyMhz: 1400,
    memoryBytes: 8_388_608,
    power: 'active',
    powerWatts: 1.5,
    seconds: 12.04,
    temperatureCelsius: 48,
    utilisation: 0.5,
    withoutSensors: null,
  }
  const nothing = {
    ...sample,
    frequencyMhz: null,
    maxFrequencyMhz: null,
    memoryBytes: null,
    power: null,
    powerWatts: null,
    temperatureCelsius: null,
    utilisation: null,
    withoutSensors: 'needs root',
  }

  it('is one line a sample under its header', () => {
    expect(renderWatchHeader(sample)).to.equal('   time  busy   MHz   memory     W  °C state')
    expect(renderWatchSample(sample)).to.equal('   12 s   50%  1400   8.4 MB  1.50  48 active')
    expect(renderWatchSample(nothing)).to.equal('   12 s     -     -        -     -   - -')
    expect(renderWatchHeader(nothing)).to.match(/^Power and temperature: needs root\n/)
  })

  it('is raw numbers as CSV, with empty fields for what is not known', () => {
    expect(CSV_HEADER.split(',')).to.have.length(8)
    expect(renderWatchCsv(sample)).to.equal('12.040,0.5000,1400,1400,8388608,1.500,48,active')
    expect(renderWatchCsv(nothing)).to.equal('12.040,,,,,,,')
  })
})

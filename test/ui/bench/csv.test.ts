import {expect} from 'chai'

import {renderCsv} from '../../../src/ui/bench/csv.ts'
import {REPORT} from './report.ts'

describe('renderCsv', () => {
  const lines = renderCsv(REPORT).split('\r\n')

  it('has a line for each side of each metric, and one that names the columns', () => {
    expect(lines).to.have.lengthOf(1 + 9 + 1)
    expect(lines[0]).to.match(/^suite,metric,unit,better,side,status,median,ci95_low,ci95_high,/)
    expect(lines[3]).to.equal(
      'coordination,throughput,ops/s,higher,accelerated,measured,301000,295000,307000,301000,301000,301000,1,0,,5,12.236,50000,value,true,',
    )
  })

  it('leaves cells empty that have no figure, and gives the reason', () => {
    expect(lines.find((line) => line.startsWith('memory,growth,bytes/op,lower,legacy_as_shipped'))).to.equal(
      'memory,growth,bytes/op,lower,legacy_as_shipped,not_run,,,,,,,,,,0,,2,ratio,true,its sleep alone takes 20 s',
    )
  })

  it('quotes what holds a comma or a quote', () => {
    const [suite] = REPORT.suites
    const [metric] = suite!.metrics
    const side = {...metric!.sides.accelerated!, reason: 'a, "b"\nc'}
    const text = renderCsv({...REPORT, suites: [{...suite!, metrics: [{...metric!, sides: {x: side}}]}]})
    expect(text).to.contain(',"a, ""b""\nc"\r\n')
  })
})
